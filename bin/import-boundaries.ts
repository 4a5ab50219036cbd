// The rules about who may import whom (docs/architecture.md): floors, services apart, one place for each npm client, no circles.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Floor of each top-level folder: a file imports from its own floor or below. */
const floors: Readonly<Record<string, number>> = {
  lib: 0,
  gen: 0,
  events: 1,
  mesh: 2,
  adapters: 2,
  services: 3,
  agent: 3,
  run: 4,
  cli: 5,
};
/** Folders that may import anything: they stand outside the product. */
const outside = new Set(['bin', 'test', 'bench', 'examples', 'console']);

/** npm packages with one home: the only files or folders that may import them. */
const homes: Readonly<Record<string, readonly string[]>> = {
  inversify: ['run/compose.ts'],
  'reflect-metadata': ['run/compose.ts', 'services/citadel/x509/library.ts'],
  '@peculiar/x509': ['services/citadel/x509/library.ts'],
  asn1js: ['services/citadel/x509/svid-encoding.ts', 'services/citadel/x509/csr.ts'],
  jose: ['services/citadel/attest/', 'services/citadel/jwt/'],
  pino: ['lib/logger.ts'],
  commander: ['cli/'],
  fastify: ['services/pilot/admin/'],
  '@fastify/swagger': ['services/pilot/admin/'],
  'node:sqlite': ['events/logs/sqlite'],
  '@nats-io/transport-node': ['events/logs/jetstream'],
  '@nats-io/jetstream': ['events/logs/jetstream'],
  '@nats-io/nats-core': ['events/logs/jetstream'],
  '@nats-io/kv': ['events/logs/jetstream'],
  '@nats-io/nkeys': ['events/logs/jetstream'],
  '@kurrent/kurrentdb-client': ['events/logs/kurrentdb'],
  '@platformatic/kafka': ['events/mirror/kafka', 'services/mixer/handlers/kafka'],
  '@open-policy-agent/opa-wasm': ['services/mixer/handlers/opa.ts'],
  '@redis/client': ['services/mixer/handlers/redisquota.ts'],
  '@marcbachmann/cel-js': ['mesh/telemetry/envoy-cel.ts'],
  yaml: ['mesh/config/'],
  vitest: ['events/logs/contract-'],
  re2js: ['mesh/policy/expression/patterns.ts', 'mesh/telemetry/envoy-cel.ts'],
  ajv: ['mesh/config/'],
  '@grpc/grpc-js': [
    'lib/renewable-credentials.ts',
    'lib/grpc-port.ts',
    'services/pilot/xds/',
    'services/citadel/',
    'services/mixer/',
    'agent/',
  ],
};

interface SourceFile {
  readonly path: string;
  readonly imports: readonly { readonly to: string; readonly typeOnly: boolean }[];
}

function readSource(root: string, path: string): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const pattern =
    /^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/gm;
  const imports = [...text.matchAll(pattern)].map((match) => ({
    to: match[2] ?? match[3] ?? '',
    typeOnly: match[1] !== undefined,
  }));
  return { path, imports };
}

/** The file in the tree that a relative import names. */
const target = (from: string, to: string) => normalize(join(dirname(from), to));
const folder = (path: string) => path.split('/')[0] ?? '';
const isTest = (path: string) => /\.test\.ts$|[-/]contract\.ts$|fixture/.test(path);

function problemsOf(file: SourceFile): string[] {
  const problems: string[] = [];
  const from = folder(file.path);
  if (outside.has(from)) return problems;
  for (const { to } of file.imports) {
    if (!to.startsWith('.')) {
      const home = homes[to];
      const atHome = home === undefined || isTest(file.path) || home.some((place) => file.path.startsWith(place));
      if (!atHome) problems.push(`${file.path}: ${to} may only be imported in ${home.join(', ')}`);
      continue;
    }
    const path = target(file.path, to);
    const [fromFloor, toFloor] = [floors[from], floors[folder(path)]];
    if (fromFloor === undefined || toFloor === undefined) {
      if (!isTest(file.path) && folder(path) !== '' && path.includes('/'))
        problems.push(`${file.path}: imports ${path}, which is on no floor`);
    } else if (toFloor > fromFloor)
      problems.push(`${file.path}: imports ${path} from a floor above (${toFloor} > ${fromFloor})`);
    const [service, other] = [file.path.split('/')[1], path.split('/')[1]];
    if (from === 'services' && folder(path) === 'services' && service !== other)
      problems.push(`${file.path}: a service imports another service (${path})`);
    if (from === 'services' && folder(path) === 'adapters')
      problems.push(`${file.path}: a service imports an adapter (${path})`);
    if (from === 'mesh' && folder(path) === 'adapters')
      problems.push(`${file.path}: mesh imports an adapter (${path})`);
  }
  return problems;
}

/** Circles among run-time imports (type imports vanish and may circle). */
function circles(files: ReadonlyMap<string, SourceFile>): string[] {
  const state = new Map<string, 'open' | 'done'>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      found.push(`circle: ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`);
      return;
    }
    state.set(path, 'open');
    for (const { to, typeOnly } of files.get(path)?.imports ?? [])
      if (!typeOnly && to.startsWith('.') && files.has(target(path, to))) visit(target(path, to), [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of files.keys()) visit(path, []);
  return found;
}

/** Every breach of the rules, as one readable line each; empty when the tree is sound. */
export function findBoundaryProblems(root: string): string[] {
  const paths = globSync('{lib,events,mesh,adapters,services,agent,run,cli}/**/*.ts', { cwd: root })
    .filter((path) => !path.includes('node_modules'))
    .sort();
  const files = new Map(paths.map((path) => [path, readSource(root, path)]));
  return [...[...files.values()].flatMap(problemsOf), ...circles(files)];
}
