// Reads what `-f` names: files, folders of YAML and JSON, URLs, or standard input.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import type { CliIo } from './io.ts';

/** The text of one file; `file` is `-` for standard input. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
}

/** As the admin API's body limit: larger files are refused before they are read. */
const maxFileBytes = 20 * 1024 * 1024;

/** A file of samples comes in a second; who waits longer wants to know. */
const urlTimeoutMs = 30_000;

/** Reads every path in order; folders are read down to their last subfolder, in name order. Throws MeshError that names the path. */
export async function readSources(
  paths: readonly string[],
  io: Pick<CliIo, 'readStdin'>,
): Promise<readonly SourceText[]> {
  const sources: SourceText[] = [];
  for (const path of paths) {
    if (path === '-') sources.push({ file: '-', text: await io.readStdin() });
    else if (/^https?:\/\//i.test(path)) sources.push(await readUrl(path));
    else sources.push(...(await readPath(path)));
  }
  return sources;
}

async function readPath(path: string): Promise<readonly SourceText[]> {
  const info = await stat(path).catch((error: unknown) => {
    throw cannotRead(path, error);
  });
  if (!info.isDirectory()) return [await readOne(path, info.size)];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (files.length === 0) throw new MeshError('usage', `${path} holds no .yaml, .yml or .json file`);
  return await Promise.all(files.map(async (file) => readOne(file, (await stat(file)).size)));
}

/** As `kubectl apply -f URL`. */
async function readUrl(url: string): Promise<SourceText> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(urlTimeoutMs) });
    if (!response.ok) throw new MeshError('usage', `${url}: answers ${response.status} ${response.statusText}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      checkSize(url, bytes);
      chunks.push(chunk);
    }
    return { file: url, text: Buffer.concat(chunks).toString('utf8') };
  } catch (error) {
    throw error instanceof MeshError ? error : cannotRead(url, error);
  }
}

function checkSize(file: string, bytes: number): void {
  if (bytes <= maxFileBytes) return;
  throw new MeshError(
    'exhausted',
    `${file}:1:1  has ${Math.ceil(bytes / 1024 / 1024)} MiB; at most ${maxFileBytes / 1024 / 1024} MiB are applied at once: split it`,
  );
}

async function readOne(file: string, bytes: number): Promise<SourceText> {
  checkSize(file, bytes);
  try {
    return { file, text: await readFile(file, 'utf8') };
  } catch (error) {
    throw cannotRead(file, error);
  }
}

function cannotRead(path: string, error: unknown): MeshError {
  const missing = (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  return new MeshError(
    'usage',
    missing ? `${path}: no such file or folder` : `${path} can't be read: ${messageOf(error)}`,
    { cause: error },
  );
}
