// `periplus adapter capture` and `replay`: a platform's answers in a file, and the same facts from it again.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import type { Adapter } from '../adapters/adapter.ts';
import { type CaptureHeader, parseCapture } from '../adapters/capture/capture-file.ts';
import { type AdapterOver, captureFacts, type Replayed, replayCapture } from '../adapters/capture/run-capture.ts';
import { scrubValue } from '../adapters/capture/scrub.ts';
import type { ClusterAccess } from '../adapters/kubernetes/access.ts';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import { platformAdapters } from './compose-adapters.ts';
import type { ProcessConfig } from './config.ts';
import { type ConsulFlags, consulDatacentersOf } from './config-consul.ts';
import { type DockerFlags, dockerEnginesOf } from './config-docker.ts';
import { type KubernetesFlags, kubernetesClustersOf } from './config-kubernetes.ts';
import { type NomadFlags, nomadRegionsOf } from './config-nomad.ts';
import type { ProcessSurroundings } from './surroundings.ts';

/** Flags that name the platform. */
export type CaptureFlags = KubernetesFlags & ConsulFlags & NomadFlags & DockerFlags;

/** Larger than any capture that a person would keep in a repository by far. */
const maxBytes = 256 << 20;

type Platforms = Pick<ProcessConfig, 'kubernetes' | 'consul' | 'nomad' | 'docker'>;

/** Records into `file` until `forMs` are over or a signal comes. Gives how many answers and facts there are. Rejects with MeshError. */
export async function capturePlatform(
  flags: CaptureFlags,
  { file, forMs, io }: { readonly file: string; readonly forMs: number; readonly io: ProcessSurroundings },
): Promise<{ readonly answers: number; readonly facts: number }> {
  const means = { workingDirectory: process.cwd(), wanted: true, env: process.env };
  const platforms: Platforms = {
    kubernetes: kubernetesClustersOf(pick(flags, 'kube'), means),
    consul: consulDatacentersOf(pick(flags, 'consul'), means),
    nomad: nomadRegionsOf(pick(flags, 'nomad'), means),
    docker: dockerEnginesOf(pick(flags, 'docker'), means),
  };
  const found = Object.values(platforms).flat();
  const [settings] = found;
  if (settings === undefined || found.length > 1)
    throw new MeshError(
      'usage',
      `name one platform with --kubeconfig, --consul, --nomad or --docker: ${found.length} are named`,
    );
  const probe = onlyAdapter(platforms, undefined);
  const header: CaptureHeader = {
    ...{ capture: 1, platform: probe.platform, instance: probe.instance },
    ...{ settings: publicSettings(settings), time: new Date(io.clock.nowMs()).toISOString() },
  };
  // Only for its owner: what is scrubbed is what looks like a secret, and people name theirs as they like.
  openFile(file, `${JSON.stringify(header)}\n`);
  let answers = 0;
  let bytes = 0;
  const stop = new AbortController();
  const write = (step: unknown) => {
    const line = `${JSON.stringify(step)}\n`;
    bytes += line.length;
    if (bytes > maxBytes) return stop.abort();
    answers++;
    appendFileSync(file, line);
  };
  const until = AbortSignal.any([io.signal, stop.signal, AbortSignal.timeout(forMs)]);
  const facts = await captureFacts((over) => onlyAdapter(platforms, over), { clock: io.clock, write, signal: until });
  appendFileSync(file, `${JSON.stringify({ facts })}\n`);
  return { answers, facts: facts.length };
}

/** Plays `file` and compares. Rejects with MeshError `invalid` when it is no capture. */
export async function replayFile(file: string): Promise<Replayed & { readonly header: CaptureHeader }> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new MeshError('usage', `the capture can't be read: ${messageOf(error)}`);
  }
  const capture = parseCapture(text, file);
  const { header } = capture;
  const none = { kubernetes: [], consul: [], nomad: [], docker: [] };
  const platforms = { ...none, [header.platform]: [header.settings] } as Platforms;
  const access = async () => ({ server: 'http://capture', name: 'capture' });
  return { ...(await replayCapture(capture, (over) => onlyAdapter(platforms, { ...over, access }))), header };
}

type Over = Parameters<AdapterOver>[0] & { readonly access?: () => Promise<ClusterAccess> };

function onlyAdapter(platforms: Platforms, over: Over | undefined): Adapter {
  const idle = { nowMs: () => 0, sleep: () => Promise.reject(new Error('no clock')) };
  const config = { ...platforms, roles: new Set(['adapters'] as const) };
  const [adapter] = platformAdapters(config, over ?? { clock: idle });
  if (adapter === undefined) throw new MeshError('invalid', 'the capture is of a platform that can not be replayed');
  return adapter;
}

/** Without tokens and files of this machine. */
function publicSettings(settings: ProcessConfig[keyof Platforms][number]): unknown {
  if ('kubeconfig' in settings) {
    const { kubeconfig: _path, context: _context, ...rest } = settings;
    return { ...rest, writesStatus: false };
  }
  const { access, ...rest } = settings;
  const { token: _token, tokenFile: _file, tls: _tls, ...place } = access as unknown as Record<string, unknown>;
  return { ...(scrubValue(rest) as object), access: place };
}

/** The flags of one platform. */
function pick(flags: object, prefix: string): object {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => name.startsWith(prefix)));
}

function openFile(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const exists = (error as { readonly code?: unknown }).code === 'EEXIST';
    throw new MeshError('usage', exists ? `${file} exists; give another place with --out` : messageOf(error));
  }
}
