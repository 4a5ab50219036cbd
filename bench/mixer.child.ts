// A Mixer as a process of its own, fed with facts by the benchmark: its CPU time is nobody else's.
import type { NewEvent } from '../events/envelope.ts';
import { MemoryLog } from '../events/logs/memory.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import type { ServerIdentity } from '../lib/renewable-credentials.ts';
import { defaultMeshConfig } from '../mesh/config/mesh-config.ts';
import type { MixerIdentity } from '../services/mixer/grpc-server.ts';
import { createMixer } from '../services/mixer/mixer.ts';

/** To the Mixer: facts to append, or a question for its CPU time. */
export type ToMixer = { readonly facts: readonly NewEvent[] } | { readonly cpu: true };
/** From the Mixer. */
export type FromMixer = { readonly port: number } | { readonly cpuSeconds: number };

const facts = new MemoryLog();
const given = process.argv[2] === undefined ? undefined : (JSON.parse(process.argv[2]) as ServerIdentity);
const identity: MixerIdentity | undefined = given && {
  serviceAccount: 'mixer',
  async *identities() {
    yield given;
  },
};
const mixer = createMixer({
  ...{ config: { port: 0, address: '127.0.0.1' }, facts, host: '127.0.0.1', name: 'bench' },
  ...{ clock: systemClock, logger: silentLogger, mesh: defaultMeshConfig },
  ...(identity && { identity }),
});
const say = (message: FromMixer) => process.send?.(message);
const stop = new AbortController();
process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToMixer) => {
  if ('facts' in message) void facts.append(message.facts.map((event) => ({ event })));
  else {
    const { user, system } = process.cpuUsage();
    say({ cpuSeconds: (user + system) / 1e6 });
  }
});
for (const service of mixer.services) void service.run(stop.signal);
for await (const port of mixer.port.watch(stop.signal)) {
  say({ port });
  break;
}
