// Text or JSON into configuration resources and Kubernetes objects: everything wrong is reported with its place, nothing is guessed.
import type { ConfigResource } from '../../events/model.ts';
import { checkSchema, isRecord } from './check-schema.ts';
import { checkMeshConfig, meshConfigKey } from './mesh-config.ts';
import { byPosition, noSource, type Path, type Problem, type Report, reportTo, type Source } from './problem.ts';
import { metadataSchema, type ObjectMetadata } from './schemas/destination.ts';
import { type Kind, kinds, unsupportedKinds } from './schemas/kinds.ts';
import type { KubernetesConfigMap, KubernetesObject } from './schemas/kubernetes.ts';
import { type AnythingSchema, anything, object, type Schema, text as textSchema } from './schemas/schema.ts';
import { didYouMean } from './suggest-name.ts';
import { readYaml, type YamlLimits } from './yaml-source.ts';

/** A configuration resource; see validate.ts for what it still has to pass. */
export interface ParsedConfig {
  readonly type: 'config';
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly resource: ConfigResource;
  readonly source: Source;
  /** Where the object starts within its document: empty, or `['items', 3]` in a List. */
  readonly base: Path;
}
/** A Kubernetes object, as it was written (null fields left out). */
export interface ParsedKubernetes {
  readonly type: 'kubernetes';
  readonly kind: string;
  /** '' for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  readonly object: KubernetesObject;
  readonly source: Source;
  readonly base: Path;
}
/** One object of a text. */
export type ParsedObject = ParsedConfig | ParsedKubernetes;

/** Objects are those without errors; a caller that applies all or nothing must look at `problems` first. */
export interface ParseResult {
  readonly objects: readonly ParsedObject[];
  readonly problems: readonly Problem[];
}

/** How to parse. */
export interface ParseOptions {
  /** Shown in problems. */
  readonly file?: string;
  /** Larger texts are refused; 20 MiB by default. */
  readonly maxBytes?: number;
  /** For objects that name none; `default` by default. */
  readonly namespace?: string;
  readonly limits?: Partial<YamlLimits>;
}

/** Parses the YAML or JSON documents of one text. */
export function parseDocuments(text: string, options: ParseOptions = {}): ParseResult {
  return parseFiles([{ text, ...(options.file === undefined ? {} : { file: options.file }) }], options);
}

/** Parses several files as one input: an object may be given only once in all of them. */
export function parseFiles(
  files: readonly { readonly file?: string; readonly text: string }[],
  options: Omit<ParseOptions, 'file'> = {},
): ParseResult {
  const collector = createCollector(options.namespace ?? 'default');
  const limits = { ...options.limits, ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }) };
  for (const { file, text } of files) {
    const read = readYaml(text, { limits, ...(file === undefined ? {} : { file }) });
    const before = collector.problems.length;
    collector.problems.push(...read.problems);
    for (const { value, source, faulty } of read.documents) collector.add({ value, base: [], source, faulty });
    // Syntax and schema problems were found in two passes; people read a file from its top.
    collector.problems.push(...collector.problems.splice(before).sort(byPosition));
  }
  return { objects: collector.objects, problems: collector.problems };
}

/** Checks one object that arrived as JSON (admin API, Kubernetes API): problems have a field path, but no line. */
export function parseObject(
  json: unknown,
  options: { readonly namespace?: string } = {},
): { readonly object: ParsedObject | undefined; readonly problems: readonly Problem[] } {
  const collector = createCollector(options.namespace ?? 'default');
  collector.add({ value: json, base: [], source: noSource, faulty: false });
  return { object: collector.objects[0], problems: collector.problems };
}

interface Item {
  readonly value: unknown;
  readonly base: Path;
  readonly source: Source;
  /** Its document has problems already. */
  readonly faulty: boolean;
}

interface Collector {
  readonly objects: ParsedObject[];
  readonly problems: Problem[];
  add(item: Item): void;
}

function createCollector(namespace: string): Collector {
  const objects: ParsedObject[] = [];
  const problems: Problem[] = [];
  const seen = new Map<string, string>();
  const add = ({ value, base, source, faulty }: Item): void => {
    if (isRecord(value) && isList(value)) {
      if (!Array.isArray(value.items)) reportTo(problems, source, { base })(['items'], 'expected a list of objects');
      else
        for (const [index, item] of value.items.entries())
          add({ value: item, base: [...base, 'items', index], source, faulty });
      return;
    }
    const before = problems.length;
    const parsed = parseOne(value, { base, source, namespace, problems });
    if (parsed === undefined) return;
    const key = `${parsed.kind}/${parsed.namespace}/${parsed.name}`;
    const first = seen.get(key);
    const report = reportTo(problems, source, { base, resource: key });
    if (first !== undefined) report(['metadata', 'name'], `${key} is given twice; the first is ${first}`);
    else seen.set(key, placeOf(source, base));
    if (!faulty && !problems.slice(before).some((problem) => problem.severity === 'error')) objects.push(parsed);
  };
  return { objects, problems, add };
}

function isList(value: Readonly<Record<string, unknown>>): boolean {
  const { kind } = value;
  return typeof kind === 'string' && kind.endsWith('List') && value.spec === undefined && value.items !== undefined;
}

function placeOf(source: Source, base: Path): string {
  const position = source.locate([...base, 'metadata', 'name']);
  if (position === undefined) return 'earlier in the input';
  return source.file === undefined
    ? `at line ${position.line}`
    : `at ${source.file}:${position.line}:${position.column}`;
}

interface Context {
  readonly base: Path;
  readonly source: Source;
  readonly namespace: string;
  readonly problems: Problem[];
}

function parseOne(value: unknown, context: Context): ParsedObject | undefined {
  const report = reportTo(context.problems, context.source, { base: context.base });
  if (!isRecord(value)) {
    report([], 'expected an object with apiVersion, kind and metadata');
    return undefined;
  }
  const kind = kindOf(value, report);
  if (kind === undefined) return undefined;
  const redact = kind.kind === 'Secret';
  const schema = kind.type === 'kubernetes' ? kind.schema : resourceSchema(kind.schema);
  const checked = checkSchema(schema, value, [], { report, redact }) as Readonly<Record<string, unknown>>;
  const metadata = (isRecord(checked.metadata) ? checked.metadata : {}) as ObjectMetadata;
  const identity = identityOf(kind, metadata, { report, namespace: context.namespace });
  if (identity === undefined) return undefined;
  const place = { source: context.source, base: context.base };
  if (kind.type === 'kubernetes') {
    const object = checked as unknown as KubernetesObject;
    return meshConfigMap(object, identity, report, place) ?? { type: 'kubernetes', ...identity, object, ...place };
  }
  const resource = resourceOf(identity, checked, metadata, report);
  return { type: 'config', ...identity, resource, ...place };
}

const resourceSchemas = new Map<Schema, Schema>();
/** A whole config resource; `status` belongs to controllers and is dropped. */
function resourceSchema(spec: Schema): Schema {
  const known = resourceSchemas.get(spec);
  if (known !== undefined) return known;
  const status: AnythingSchema = anything;
  const schema = object({ apiVersion: textSchema, kind: textSchema, metadata: metadataSchema, spec, status });
  resourceSchemas.set(spec, schema);
  return schema;
}

function kindOf(value: Readonly<Record<string, unknown>>, report: Report): Kind | undefined {
  const { kind: name, apiVersion } = value;
  if (typeof name !== 'string' || name === '')
    report(['kind'], `is required: the kind of object, such as VirtualService`);
  if (typeof apiVersion !== 'string' || apiVersion === '')
    report(['apiVersion'], 'is required, such as networking.istio.io/v1');
  if (typeof name !== 'string' || typeof apiVersion !== 'string' || name === '' || apiVersion === '') return undefined;
  const kind = kinds.get(name);
  if (kind?.apiVersions.includes(apiVersion)) return kind;
  if (kind !== undefined) {
    report(
      ['apiVersion'],
      `expected ${kind.apiVersions.join(' or ')} for kind ${name}, found ${JSON.stringify(apiVersion)}`,
    );
    return undefined;
  }
  const group = unsupportedKinds.get(name);
  const why = group === undefined ? didYouMean(name, [...kinds.keys()]) : `; Periplus does not support ${group}`;
  report(['kind'], `unknown kind ${JSON.stringify(name)}${why}`);
  return undefined;
}

interface Identity {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

function identityOf(
  kind: Kind,
  metadata: ObjectMetadata,
  { report, namespace: fallback }: { readonly report: Report; readonly namespace: string },
): Identity | undefined {
  const { name } = metadata;
  if (typeof name !== 'string' || name === '') {
    report(['metadata', 'name'], 'is required');
    return undefined;
  }
  const namespace = kind.clusterScoped ? '' : metadata.namespace || fallback;
  const faulty = name.length > 253 || !dnsSubdomain.test(name);
  if (faulty)
    report(
      ['metadata', 'name'],
      `expected lower-case letters, digits, - and . (at most 253), found ${JSON.stringify(name)}`,
    );
  const astray = namespace !== '' && (namespace.length > 63 || !dnsLabel.test(namespace));
  if (astray)
    report(
      ['metadata', 'namespace'],
      `expected lower-case letters, digits and - (at most 63), found ${JSON.stringify(namespace)}`,
    );
  return faulty || astray ? undefined : { kind: kind.kind, namespace, name };
}

/** kubectl's copy of the whole object, which changes nothing and doubles every event. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

function resourceOf(
  identity: Identity,
  checked: Readonly<Record<string, unknown>>,
  metadata: ObjectMetadata,
  report: Report,
): ConfigResource {
  const { labels, creationTimestamp } = metadata;
  const { [lastApplied]: _, ...annotations } = metadata.annotations ?? {};
  const createdMs = creationTimestamp === undefined ? undefined : Date.parse(creationTimestamp);
  if (createdMs !== undefined && Number.isNaN(createdMs))
    report(['metadata', 'creationTimestamp'], 'expected an RFC 3339 time such as 2026-01-31T12:00:00Z');
  return {
    apiVersion: String(checked.apiVersion),
    ...identity,
    ...(labels === undefined || Object.keys(labels).length === 0 ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(creationTimestamp === undefined ? {} : { createdAt: creationTimestamp }),
    spec: checked.spec ?? {},
  };
}

/** The ConfigMap that holds the mesh configuration becomes a resource of kind MeshConfig. */
function meshConfigMap(
  object: KubernetesObject,
  identity: Identity,
  report: Report,
  place: { readonly source: Source; readonly base: Path },
): ParsedConfig | undefined {
  const { namespace, name } = meshConfigKey;
  if (identity.kind !== 'ConfigMap' || identity.namespace !== namespace || identity.name !== name) return undefined;
  const mesh = (object as KubernetesConfigMap).data?.mesh;
  if (mesh === undefined) return undefined;
  const read = readYaml(mesh, {});
  for (const problem of read.problems)
    report(['data', 'mesh'], `line ${problem.line ?? 1} of the document within: ${problem.message}`);
  const spec = checkMeshConfig(read.documents[0]?.value ?? {}, ['data', 'mesh'], report);
  const resource = { apiVersion: 'mesh.istio.io/v1alpha1', ...meshConfigKey, spec };
  return { type: 'config', ...meshConfigKey, resource, ...place };
}
