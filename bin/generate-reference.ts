// Writes docs/reference/ from the code; with --check it writes nothing and fails when a page is stale. `npm run reference`.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { claims } from '../test/traffic/claims.ts';
import { claimProblems, trafficReference } from '../test/traffic/reference.ts';
import { adminApiPages } from './reference/admin-api-page.ts';
import { analysisPage } from './reference/analysis-page.ts';
import { attacksPage } from './reference/attacks-page.ts';
import { attributesPage } from './reference/attributes-page.ts';
import { cliPage } from './reference/cli-page.ts';
import { envoyFilterPage } from './reference/envoy-filter-page.ts';
import { eventsPage } from './reference/events-page.ts';
import { listenersPage } from './reference/listeners-page.ts';
import { liveEventsPage } from './reference/live-events-page.ts';
import { validationPage } from './reference/validation-page.ts';

const root = resolve(import.meta.dirname, '..');
const folder = join(root, 'docs/reference');

/** Every page by its file name. */
async function pages(): Promise<Readonly<Record<string, string>>> {
  return {
    'events.md': eventsPage(),
    'live-events.md': liveEventsPage(),
    'cli.md': cliPage(),
    'traffic.md': trafficReference(claims),
    'listeners.md': listenersPage(),
    'envoy-filter.md': envoyFilterPage(claims),
    'validation.md': validationPage(),
    'attributes.md': attributesPage(),
    'analysis.md': analysisPage(),
    'attacks.md': attacksPage(),
    ...(await adminApiPages(root)),
  };
}

/** Names of files that are missing, differ or should not be there. */
function staleFiles(wanted: Readonly<Record<string, string>>): readonly string[] {
  const present = existsSync(folder) ? readdirSync(folder) : [];
  const differing = Object.entries(wanted).filter(([name, text]) => {
    const path = join(folder, name);
    return !existsSync(path) || readFileSync(path, 'utf8') !== text;
  });
  return [...differing.map(([name]) => name), ...present.filter((name) => wanted[name] === undefined)].sort();
}

for (const problem of claimProblems(claims)) {
  console.error(problem);
  process.exitCode = 1;
}
const wanted = await pages();
const stale = staleFiles(wanted);
if (process.argv.includes('--check')) {
  if (stale.length > 0) {
    console.error(`docs/reference is stale (${stale.join(', ')}): run "npm run reference" and commit what it writes`);
    process.exitCode = 1;
  }
} else {
  mkdirSync(folder, { recursive: true });
  for (const name of stale) {
    const text = wanted[name];
    if (text === undefined) rmSync(join(folder, name), { recursive: true });
    else writeFileSync(join(folder, name), text);
    console.log(`${text === undefined ? 'deleted' : 'wrote'} docs/reference/${name}`);
  }
}
