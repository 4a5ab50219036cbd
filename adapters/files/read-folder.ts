// The YAML and JSON files below a folder, and which of them changed since they were last read.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compareStrings } from '../../mesh/compare.ts';

/** Enough of a file's stat to notice that it was written or replaced. */
export type Stamp = string;

/** Larger files are not read: 20 MiB is what parsing accepts. */
const maxFileBytes = 20 * 1024 * 1024;

/** A file as it was read just now. */
export interface FileRead {
  readonly stamp: Stamp;
  /** Its text, or why it can't be had. */
  readonly content: { readonly text: string } | { readonly problem: string };
}

/** Paths below `folder`, relative and in order, of files that hold resources. Rejects when the folder can't be read. */
export async function listFiles(folder: string): Promise<readonly string[]> {
  const paths: string[] = [];
  const visit = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      // Dot files are editors' swap and lock files, version control, and the data behind Kubernetes' mounted volumes.
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) await visit(path).catch(ignoreGone);
      else if (/\.(ya?ml|json)$/i.test(entry.name)) paths.push(path);
    }
  };
  await visit('');
  return paths.sort(compareStrings);
}

function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** Reads a file unless its stamp is `known`: then 'unchanged'. 'gone' when it does not exist. */
export async function readChanged(
  folder: string,
  path: string,
  known: Stamp | undefined,
): Promise<FileRead | 'unchanged' | 'gone'> {
  const full = join(folder, path);
  try {
    const before = await stampOf(full);
    if (before.stamp === known) return 'unchanged';
    if (before.bytes > maxFileBytes) {
      return {
        stamp: before.stamp,
        content: { problem: `${full}  is ${before.bytes} bytes; at most ${maxFileBytes} are read` },
      };
    }
    const text = await readFile(full, 'utf8');
    if ((await stampOf(full)).stamp === before.stamp) return { stamp: before.stamp, content: { text } };
    // Half of a file must not be taken for the whole. No stamp is empty, so that the next look, which the write brings, reads it again.
    return { stamp: '', content: { problem: `${full}  is being written` } };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'gone';
    return { stamp: `unreadable ${code}`, content: { problem: `${full}  can't be read: ${message}` } };
  }
}

async function stampOf(full: string): Promise<{ readonly stamp: Stamp; readonly bytes: number }> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(full, { bigint: true });
  return { stamp: `${ino} ${size} ${mtimeNs} ${ctimeNs}`, bytes: Number(size) };
}
