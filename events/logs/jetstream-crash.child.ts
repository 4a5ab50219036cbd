// Child of jetstream-shared.test.ts: appends batches without end and prints each position that was acknowledged.
import { writeSync } from 'node:fs';
import { testAppends } from './contract-fixture.ts';
import { openJetStreamLogs } from './jetstream.ts';
import { appendSurely } from './jetstream-fixture.ts';

const [url = '', run = ''] = process.argv.slice(2);
const { facts } = await openJetStreamLogs(url);
writeSync(1, 'open\n');

for (let i = 0; ; i++) {
  const results = await Promise.all(
    [3, 1, 40].map((size, k) => appendSurely(facts, testAppends(`${run}-${i}-${k}-`, size))),
  );
  for (const result of results) writeSync(1, `${result.events.at(-1)?.position} ${result.events.at(-1)?.id}\n`);
}
