// A file system of a few megabytes, in a file: what a service does when its disk is full.
import { execFileSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system that is mounted. */
export interface SmallDisk {
  /** Where it is. */
  readonly folder: string;
  /** Leaves not a byte. */
  fill(): void;
  /** Gives back what `fill` took. */
  free(): void;
  /** Unmounts and deletes it. */
  dispose(): void;
}

/** ext4 on a loop device, so that a sync is one; or why it can't be had (it takes root). */
export function mountSmallDisk(mebibytes: number): SmallDisk | { readonly why: string } {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-disk-'));
  const [file, folder] = [join(scratch, 'image'), join(scratch, 'disk')];
  mkdirSync(folder);
  try {
    execFileSync('truncate', ['-s', `${mebibytes}M`, file], { stdio: 'pipe' });
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', file], { stdio: 'pipe' });
    execFileSync('mount', ['-o', 'loop', file, folder], { stdio: 'pipe' });
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true });
    return { why: `no file system can be mounted here: ${error instanceof Error ? error.message : String(error)}` };
  }
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill: () => fillWith(ballast),
    free: () => rmSync(ballast, { force: true }),
    dispose: () => {
      execFileSync('umount', ['-l', folder]);
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

function fillWith(path: string): void {
  const file = openSync(path, 'a');
  try {
    // Smaller and smaller pieces, until not even a block of the file system is left.
    for (const bytes of [1024 * 1024, 4096]) writeUntilFull(file, Buffer.alloc(bytes));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function writeUntilFull(file: number, piece: Buffer): void {
  for (;;) {
    try {
      writeSync(file, piece);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}
