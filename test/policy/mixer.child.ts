// Child of several-mixers.test.ts: one Mixer on a log in NATS, told by its arguments: URL, name, port. It says when it serves.
import { writeSync } from 'node:fs';
import { openJetStreamLogs } from '../../events/logs/jetstream.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { defaultMeshConfig } from '../../mesh/config/mesh-config.ts';
import { createMixer } from '../../services/mixer/mixer.ts';

const [url = '', name = '', port = '0'] = process.argv.slice(2);
const { facts, counts, leases } = await openJetStreamLogs(url, { name });
const mixer = createMixer({
  ...{ config: { port: Number(port), address: '127.0.0.1' }, facts, host: '127.0.0.1', name },
  ...(counts && { counts }),
  ...(leases && { leases }),
  ...{ clock: systemClock, logger: silentLogger, mesh: defaultMeshConfig },
});
const { signal } = new AbortController();
for (const service of [...mixer.services, mixer.registration]) void service.run(signal);
for await (const _ of mixer.port.watch(signal)) {
  writeSync(1, 'serves\n');
  break;
}
