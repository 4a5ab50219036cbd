// Keeps the last SVID on disk, for its owner alone, so that a workload starts and serves while no control plane is there.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readSecretFile, writeSecretFile } from '../../services/citadel/keys/file-key-store.ts';
import { type SvidParts, type WorkloadSvid, workloadSvid } from './workload-svid.ts';

/** One file: key, chain and bundle always belong together, whenever the process ends. */
const fileName = 'svid.json';

/** Writes the SVID. Rejects with MeshError `unavailable`. */
export async function saveSvid(folder: string, { certificateChain, privateKey, roots }: WorkloadSvid): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const parts: SvidParts = { certificateChain, privateKey, roots };
  await writeSecretFile(join(folder, fileName), JSON.stringify(parts));
}

/** Reads the SVID: undefined when there is none, it has expired or it is of another identity; a text says why it can't be used. */
export async function loadSvid(
  folder: string,
  options: { readonly expected?: string; readonly nowMs: number },
): Promise<WorkloadSvid | string | undefined> {
  const text = await readSecretFile(join(folder, fileName));
  if (text === undefined) return undefined;
  const svid = workloadSvid(partsOf(text), options.expected);
  if (typeof svid === 'string') return `the SVID in ${folder} can not be used: ${svid}`;
  return svid.notAfterMs > options.nowMs ? svid : `the SVID in ${folder} has expired`;
}

/** Removes it: the identity was given up. */
export async function forgetSvid(folder: string): Promise<void> {
  await rm(join(folder, fileName), { force: true });
}

function partsOf(text: string): SvidParts {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Falls through to empty parts, which are no SVID.
  }
  const part = (name: keyof SvidParts) => String(Reflect.get(Object(value), name) ?? '');
  return { certificateChain: part('certificateChain'), privateKey: part('privateKey'), roots: part('roots') };
}
