// A mesh without a control plane: folded from files, and from a log at rest, by the same code as production's.
import { readFile } from 'node:fs/promises';
import { existFact, type Fact } from '../adapters/fact.ts';
import { translateFiles } from '../adapters/files/translate-files.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import { type ParsedObject, parseFiles } from '../mesh/config/parse.ts';
import { hasErrors, type Problem } from '../mesh/config/problem.ts';
import { analyzedKinds } from '../mesh/config/schemas/kinds.ts';
import { validateObjects } from '../mesh/config/validate.ts';
import { SnapshotBuilder } from '../mesh/snapshot-builder.ts';
import { proxyContextOfJson } from '../services/pilot/translate/node.ts';
import type { ProxyContext } from '../services/pilot/translate/proxy-context.ts';
import { RejectedError } from './failure.ts';
import { readSources } from './files.ts';
import type { CliIo } from './io.ts';

/** What files say, services and endpoints included. */
export interface ObservedFiles {
  readonly facts: readonly Fact[];
  readonly warnings: readonly Problem[];
}

/** Reads files as the files adapter does. Throws MeshError `invalid` with every problem at its place. */
export async function observeFiles(paths: readonly string[], io: Pick<CliIo, 'readStdin'>): Promise<ObservedFiles> {
  const sources = (await readSources(paths, io)).map(({ file, text }) => ({
    file: file === '-' ? '<stdin>' : file,
    text,
  }));
  const { objects, problems } = parseFiles(sources, { foreignKinds: 'warn' });
  const found = hasErrors(problems) ? problems : [...problems, ...validateObjects(objects)];
  if (hasErrors(found)) {
    const errors = found.filter((problem) => problem.severity === 'error');
    throw new RejectedError(
      'invalid',
      `${errors.length === 1 ? 'a problem' : `${errors.length} problems`} in the files`,
      errors,
    );
  }
  return { facts: translateFiles(byFile(objects)).map(existFact), warnings: found };
}

/** What is wrong with files by themselves, and what the rest of them says. */
export interface ReadFiles {
  readonly problems: readonly Problem[];
  /** Those without errors. */
  readonly objects: readonly ParsedObject[];
}

/** Reads files for analysis: Deployments too; kinds that are not read are passed over, and what is wrong stands in the way of nothing else. */
export async function readMesh(
  paths: readonly string[],
  io: Pick<CliIo, 'readStdin'>,
  namespace: string | undefined,
): Promise<ReadFiles> {
  const sources = (await readSources(paths, io)).map(({ file, text }) => ({
    file: file === '-' ? '<stdin>' : file,
    text,
  }));
  const given = namespace === undefined ? {} : { namespace };
  const parsed = parseFiles(sources, { foreignKinds: 'ignore', alsoRead: analyzedKinds, ...given });
  const checked = parsed.objects.map((object) => ({ object, problems: validateObjects([object]) }));
  return {
    problems: [...parsed.problems, ...checked.flatMap(({ problems }) => problems)],
    objects: checked.flatMap(({ object, problems }) => (hasErrors(problems) ? [] : [object])),
  };
}

/** The facts of objects that `readMesh` gave. */
export function factsOf(objects: readonly ParsedObject[]): readonly Fact[] {
  return translateFiles(byFile(objects)).map(existFact);
}

function byFile(objects: readonly ParsedObject[]) {
  const files = new Map<string, ParsedObject[]>();
  for (const object of objects) {
    const path = object.source.file ?? '';
    files.set(path, [...(files.get(path) ?? []), object]);
  }
  return [...files].map(([path, own]) => ({ path, objects: own }));
}

/** Folds `facts`, behind what `builder` holds already. */
export function snapshotOfFacts(
  facts: readonly Fact[],
  builder: SnapshotBuilder = new SnapshotBuilder(),
): SnapshotBuilder {
  const behind = builder.position;
  return builder.applyAll(facts.map((fact, index) => recorded(fact, behind + index + 1)));
}

/** What is offline has no time: the same files always give the same snapshot. */
function recorded(fact: Fact, position: number): RecordedEvent {
  return {
    specversion: '1.0',
    id: `offline-${position}`,
    source: '/cli',
    ...fact,
    time: '1970-01-01T00:00:00.000Z',
    actor: 'system:cli',
    causes: [],
    position,
    version: 1,
    previousHash: '',
  };
}

/** Reads Envoy's node from a file: the node itself, or a bootstrap that holds one under `node`. Throws MeshError `usage`. */
export async function readNodeFile(path: string): Promise<ProxyContext> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new MeshError('usage', `--node ${path}: ${messageOf(error)}`, { cause: error });
  }
  const outer = json as { readonly id?: unknown; readonly node?: unknown } | null;
  const result = proxyContextOfJson(outer?.id === undefined && outer?.node !== undefined ? outer.node : json);
  if ('problem' in result) throw new MeshError('usage', `--node ${path}: ${result.problem}`);
  return result.context;
}
