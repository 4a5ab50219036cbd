// One JSON value into a configuration resource or Kubernetes object.
import type { ConfigResource } from '../../events/model.ts';
import { checkSchema, isRecord } from './check-schema.ts';
import { checkMeshConfig, meshConfigKey } from './mesh-config.ts';
import { checkMeshNetworks } from './mesh-networks.ts';
import { type Path, type Problem, type Report, reportTo, type Source } from './problem.ts';
import { metadataSchema, type ObjectMetadata } from './schemas/destination.ts';
import { type Kind, kinds, unsupportedKinds } from './schemas/kinds.ts';
import type { KubernetesConfigMap, KubernetesObject } from './schemas/kubernetes.ts';
import { anything, object, type Schema, text as textSchema } from './schemas/schema.ts';
import { didYouMean } from './suggest-name.ts';
import { readYaml } from './yaml-source.ts';

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

/** Where an object stands, and where what is wrong with it goes. */
export interface ObjectContext {
  readonly base: Path;
  readonly source: Source;
  /** For objects that name none. */
  readonly namespace: string;
  readonly problems: Problem[];
  readonly foreignKinds: ForeignKinds;
  /** Kinds that are read beside those of all texts. */
  readonly alsoRead: ReadonlyMap<string, Kind>;
}

/**
 * Kinds of API groups that Periplus does not read, as files of people hold them beside those that it does: refused, passed over with a
 * warning, or passed over in silence. A wrong kind of a group that it reads is always refused.
 */
export type ForeignKinds = 'refuse' | 'warn' | 'ignore';

/** Checks one value; undefined when not even its kind and name are known. Its problems may make the object unusable. */
export function parseOne(value: unknown, context: ObjectContext): ParsedObject | undefined {
  const report = reportTo(context.problems, context.source, { base: context.base });
  if (!isRecord(value)) {
    report([], 'expected an object with apiVersion, kind and metadata');
    return undefined;
  }
  const kind = kindOf(value, report, context);
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
  const schema = object({ apiVersion: textSchema, kind: textSchema, metadata: metadataSchema, spec, status: anything });
  resourceSchemas.set(spec, schema);
  return schema;
}

function kindOf(
  value: Readonly<Record<string, unknown>>,
  report: Report,
  { foreignKinds, alsoRead }: Pick<ObjectContext, 'foreignKinds' | 'alsoRead'>,
): Kind | undefined {
  const { kind: name, apiVersion } = value;
  if (typeof name !== 'string' || name === '')
    report(['kind'], `is required: the kind of object, such as VirtualService`);
  if (typeof apiVersion !== 'string' || apiVersion === '')
    report(['apiVersion'], 'is required, such as networking.istio.io/v1');
  if (typeof name !== 'string' || typeof apiVersion !== 'string' || name === '' || apiVersion === '') return undefined;
  const kind = kinds.get(name) ?? alsoRead.get(name);
  if (kind?.apiVersions.includes(apiVersion)) return kind;
  const group = groupOf(apiVersion);
  if (foreignKinds !== 'refuse' && isForeign(group) && !kind?.apiVersions.some((own) => groupOf(own) === group)) {
    if (foreignKinds === 'warn')
      report(['kind'], `${name} (${apiVersion}) is not read: passed over${hintFor(name)}`, { severity: 'warning' });
    return undefined;
  }
  if (kind === undefined) report(['kind'], `unknown kind ${JSON.stringify(name)}${hintFor(name)}`);
  else
    report(
      ['apiVersion'],
      `expected ${kind.apiVersions.join(' or ')} for kind ${name}, found ${JSON.stringify(apiVersion)}`,
    );
  return undefined;
}

function hintFor(name: string): string {
  const group = unsupportedKinds.get(name);
  if (group !== undefined) return `; Periplus does not support ${group}`;
  return kinds.has(name) ? '' : didYouMean(name, [...kinds.keys()]);
}

const configGroups: ReadonlySet<string> = new Set(
  [...kinds.values()].filter(({ type }) => type === 'config').flatMap(({ apiVersions }) => apiVersions.map(groupOf)),
);

/** Istio's own groups are never foreign, nor what it has dropped: a policy of `authentication.istio.io` must not be passed over. */
function isForeign(group: string): boolean {
  return !configGroups.has(group) && (!group.endsWith('.istio.io') || group === 'install.istio.io');
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
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
  const { mesh, meshNetworks } = (object as KubernetesConfigMap).data ?? {};
  if (mesh === undefined && meshNetworks === undefined) return undefined;
  const documentIn = (key: string, document: string): unknown => {
    const read = readYaml(document, {});
    for (const problem of read.problems)
      report(['data', key], `line ${problem.line ?? 1} of the document within: ${problem.message}`);
    return read.documents[0]?.value ?? {};
  };
  const networks =
    meshNetworks === undefined
      ? {}
      : checkMeshNetworks(documentIn('meshNetworks', meshNetworks), ['data', 'meshNetworks'], report);
  const spec = {
    ...checkMeshConfig(documentIn('mesh', mesh ?? ''), ['data', 'mesh'], report),
    // Istio's own installation writes an empty one.
    ...(Object.keys(networks.networks ?? {}).length > 0 && { meshNetworks: networks }),
  };
  const resource = { apiVersion: 'mesh.istio.io/v1alpha1', ...meshConfigKey, spec };
  return { type: 'config', ...meshConfigKey, resource, ...place };
}
