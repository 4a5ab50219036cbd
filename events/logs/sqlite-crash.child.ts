// Child of sqlite-crash.test.ts: appends batches without end and prints each position that was acknowledged.
import { writeSync } from 'node:fs';
import { testAppends } from './contract-fixture.ts';
import { openSqliteLogs } from './sqlite.ts';

const [dir = '', run = ''] = process.argv.slice(2);
const { facts } = await openSqliteLogs(dir);
writeSync(1, 'open\n');
for (let i = 0; ; i++) {
  const results = await Promise.all([3, 1, 40].map((size, k) => facts.append(testAppends(`${run}-${i}-${k}-`, size))));
  for (const result of results) if (result.ok) writeSync(1, `${result.position} ${result.events.at(-1)?.id}\n`);
}
