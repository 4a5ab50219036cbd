// Writes deploy/grafana/dashboards/ from bin/dashboards/; `--check` only says whether the files are as they would be written.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { dashboards } from './dashboards/definitions.ts';
import { dashboardJson } from './dashboards/panel.ts';

const folder = resolve(import.meta.dirname, '../deploy/grafana/dashboards');
let stale = 0;
for (const [name, dashboard] of Object.entries(dashboards)) {
  const path = join(folder, `${name}.json`);
  const text = `${JSON.stringify(dashboardJson(dashboard), null, 2)}\n`;
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
  stale++;
  if (!process.argv.includes('--check')) writeFileSync(path, text);
}
if (stale > 0 && process.argv.includes('--check')) {
  process.stderr.write(`${stale} dashboards are not as bin/dashboards/ has them: run npm run dashboards\n`);
  process.exit(1);
}
