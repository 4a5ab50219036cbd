// A Mixer in a process of its own, as the benchmarks start and question it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { NewEvent } from '../events/envelope.ts';
import type { ServerIdentity } from '../lib/renewable-credentials.ts';
import type { FromMixer, ToMixer } from './mixer.child.ts';

/** One that runs. */
export interface MixerProcess {
  /** Of its gRPC port. */
  readonly port: number;
  /** CPU time that the process has used. */
  cpuSeconds(): Promise<number>;
  stop(): void;
}

/** Starts one that follows `facts`; with an identity it serves over mutual TLS too. Flags for Node (a profile) come by the environment. */
export async function startMixer(
  facts: readonly NewEvent[],
  { identity }: { readonly identity?: ServerIdentity } = {},
): Promise<MixerProcess> {
  const child = fork(join(import.meta.dirname, 'mixer.child.ts'), identity ? [JSON.stringify(identity)] : [], {
    execArgv: process.env.PERIPLUS_BENCH_MIXER_FLAGS?.split(' ') ?? [],
  });
  const opened = message(child);
  const say = (what: ToMixer) => child.send(what);
  say({ facts });
  const { port } = (await opened) as { readonly port: number };
  return {
    port,
    stop: () => child.disconnect(),
    cpuSeconds: async () => {
      const answer = message(child);
      say({ cpu: true });
      return ((await answer) as { readonly cpuSeconds: number }).cpuSeconds;
    },
  };
}

const message = async (child: ChildProcess) => (await once(child, 'message'))[0] as FromMixer;
