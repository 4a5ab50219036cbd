// Child of jetstream-damage.test.ts: appends batches without end and prints each position that was acknowledged.
import { writeSync } from 'node:fs';
import { MeshError } from '../../lib/mesh-error.ts';
import { testAppends } from './contract-fixture.ts';
import { openJetStreamLogs } from './jetstream.ts';

const [url = '', run = ''] = process.argv.slice(2);
const { facts } = await openJetStreamLogs(url);
writeSync(1, 'open\n');

/** As every writer does: the same batch again until it is known to be recorded. */
async function append(batch: ReturnType<typeof testAppends>) {
  for (;;) {
    try {
      return await facts.append(batch);
    } catch (error) {
      if (!(error instanceof MeshError) || error.code !== 'unavailable') throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

for (let i = 0; ; i++) {
  const results = await Promise.all([3, 1, 40].map((size, k) => append(testAppends(`${run}-${i}-${k}-`, size))));
  for (const result of results)
    if (result.ok) writeSync(1, `${result.events.at(-1)?.position} ${result.events.at(-1)?.id}\n`);
}
