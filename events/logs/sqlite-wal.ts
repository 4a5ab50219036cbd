// Looks into a SQLite write-ahead log before SQLite does: a torn end is normal after a crash, damage before the end is not.
import { copyFileSync, existsSync, readFileSync } from 'node:fs';

/** Where the frames of a WAL stop being valid, and whether that cost acknowledged events. */
export type WalState =
  /** No file, or all frames valid, or only the last, unfinished commit torn. */
  | { readonly damaged: false }
  /** Valid commits follow an invalid frame: SQLite would drop them without a word. */
  | { readonly damaged: true; readonly frame: number };

const headerBytes = 32;
const frameHeaderBytes = 24;
/** Magic numbers of sqlite.org/fileformat2.html#walformat: checksums over little-endian or big-endian words. */
const [littleEndian, bigEndian] = [0x377f0682, 0x377f0683];

/**
 * Examines a WAL. Every commit is synced before the next is written (synchronous=FULL), so when a frame is invalid and later frames of
 * the same generation (equal salts) belong to more than one commit, the invalid frame was durable once and has been damaged since.
 * Damage within the last commit can't be told from a torn write.
 */
export function inspectWal(path: string): WalState {
  const wal = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  if (wal.length < headerBytes) return { damaged: false };
  const magic = wal.readUInt32BE(0);
  const pageSize = wal.readUInt32BE(8);
  const little = magic === littleEndian;
  const headerSum = checksum(wal, { from: 0, to: 24, little, start: [0, 0] });
  const headerValid = (little || magic === bigEndian) && matches(wal, 24, headerSum);
  if (!headerValid) return hasCommits(wal) ? { damaged: true, frame: 0 } : { damaged: false };
  return walkFrames(wal, { frameBytes: frameHeaderBytes + pageSize, little, start: headerSum });
}

/** Keeps a damaged WAL beside the log, for people to look at, and as a sign that events are missing. */
export function keepDamagedWal(walPath: string): void {
  const copy = `${walPath}.damaged`;
  if (!existsSync(copy)) copyFileSync(walPath, copy);
}

/** Path of the copy that `keepDamagedWal` made, now or in an earlier run; undefined when there is none. */
export function damagedWalOf(walPath: string): string | undefined {
  const copy = `${walPath}.damaged`;
  return existsSync(copy) ? copy : undefined;
}

type Sum = readonly [number, number];

function walkFrames(wal: Buffer, options: { frameBytes: number; little: boolean; start: Sum }): WalState {
  const { frameBytes, little } = options;
  const frames = Math.floor((wal.length - headerBytes) / frameBytes);
  let sum = options.start;
  for (let frame = 0; frame < frames; frame++) {
    const at = headerBytes + frame * frameBytes;
    if (!sameSalts(wal, at))
      return commitsAfter(wal, frame, frameBytes) > 1 ? { damaged: true, frame } : { damaged: false };
    sum = checksum(wal, { from: at, to: at + 8, little, start: sum });
    sum = checksum(wal, { from: at + frameHeaderBytes, to: at + frameBytes, little, start: sum });
    if (!matches(wal, at + 16, sum))
      return commitsAfter(wal, frame, frameBytes) > 1 ? { damaged: true, frame } : { damaged: false };
  }
  return { damaged: false };
}

/** Commits of this generation that end at `frame` or later. */
function commitsAfter(wal: Buffer, frame: number, frameBytes: number): number {
  let commits = 0;
  for (let at = headerBytes + frame * frameBytes; at + frameBytes <= wal.length; at += frameBytes) {
    const isCommit = wal.readUInt32BE(at + 4) !== 0;
    if (sameSalts(wal, at) && isCommit) commits++;
  }
  return commits;
}

/** Whether frames follow a damaged header: a page size that the first frame's length confirms by a second frame's salts. */
function hasCommits(wal: Buffer): boolean {
  for (let pageSize = 512; pageSize <= 65536; pageSize *= 2) {
    const second = headerBytes + frameHeaderBytes + pageSize;
    if (second + frameHeaderBytes > wal.length) return false;
    const salts = wal.subarray(headerBytes + 8, headerBytes + 16);
    if (salts.some((byte) => byte !== 0) && salts.equals(wal.subarray(second + 8, second + 16))) return true;
  }
  return false;
}

function sameSalts(wal: Buffer, frameAt: number): boolean {
  return (
    wal.readUInt32BE(frameAt + 8) === wal.readUInt32BE(16) && wal.readUInt32BE(frameAt + 12) === wal.readUInt32BE(20)
  );
}

function matches(wal: Buffer, at: number, sum: Sum): boolean {
  return wal.readUInt32BE(at) === sum[0] && wal.readUInt32BE(at + 4) === sum[1];
}

/** The WAL's checksum, a Fletcher sum over pairs of 32-bit words. */
function checksum(wal: Buffer, span: { from: number; to: number; little: boolean; start: Sum }): Sum {
  let [first, second] = span.start;
  for (let at = span.from; at < span.to; at += 8) {
    first = (first + second + (span.little ? wal.readUInt32LE(at) : wal.readUInt32BE(at))) >>> 0;
    second = (second + first + (span.little ? wal.readUInt32LE(at + 4) : wal.readUInt32BE(at + 4))) >>> 0;
  }
  return [first, second];
}
