// Outbound clusters and load assignments, kept per outbound context and brought from snapshot to snapshot at the cost of what changed.
import { type Service, serviceKey } from '../../../events/model.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { type ClusterSpec, clusterSpecs, passingSpecs } from './clusters/cluster-spec.ts';
import { destinationRuleOf, type MergedRule } from './destination-rules.ts';
import { passesMeshTls } from './gateways/merge-gateways.ts';
import type { Memo } from './memo.ts';
import { type OutboundEncoder, outboundEncoder, resolvesNames } from './outbound-encoder.ts';
import { type OutboundPorts, outboundPorts } from './outbound-ports.ts';
import { outboundServices } from './outbound-services.ts';
import type { ProxyScope } from './proxy-scope.ts';
import { emptySet, patchedSet } from './resource-set.ts';
import type { EncodedResource, ResourceSet } from './translation.ts';

/** Outbound clusters and the load assignments of those that use EDS. */
export interface OutboundResources {
  readonly clusters: ResourceSet;
  readonly endpoints: ResourceSet;
}

/** For a scope whose context is an `outboundContext`; scopes with equal egress, rules and context get the identical sets. */
export function outboundResources(scope: ProxyScope, memo: Memo): OutboundResources {
  const { snapshot, context, sidecar } = scope;
  const holder = memo.get<{ table?: Table }>('outbound-table', [context, sidecar], () => ({}));
  const services = outboundServices(scope, memo);
  const ports = outboundPorts(scope, memo);
  const passes = passesMeshTls(scope);
  const before = holder.table;
  // Within one snapshot `passes` is the same.
  const isCurrent = before?.snapshot === snapshot && before.services === services && before.ports === ports;
  const table = isCurrent ? before : nextTable(before, { scope, services, ports, passes, memo });
  holder.table = table;
  return table;
}

/** What a service contributes: its clusters. */
interface Entry {
  readonly rule: MergedRule | undefined;
  /** All that `rule` asks for; `specs` are those at ports that the proxy uses. */
  readonly all: readonly ClusterSpec[];
  readonly specs: readonly ClusterSpec[];
}

/** The resources as of a snapshot, with what they were made from. */
interface Table extends OutboundResources {
  readonly snapshot: Snapshot;
  readonly services: readonly Service[];
  readonly ports: OutboundPorts | undefined;
  readonly passes: boolean;
  readonly entries: ReadonlyMap<Service, Entry>;
}

interface Input {
  readonly scope: ProxyScope;
  readonly services: readonly Service[];
  readonly ports: OutboundPorts | undefined;
  /** Whether it is a gateway that passes mutual TLS on by SNI. */
  readonly passes: boolean;
  readonly memo: Memo;
}

function nextTable(before: Table | undefined, input: Input): Table {
  const { scope, services, ports, passes, memo } = input;
  const { snapshot, context } = scope;
  const known = before !== undefined && sameForAll(before.snapshot, snapshot) ? before : undefined;
  const sameEntries =
    known?.services === services &&
    known.ports === ports &&
    known.passes === passes &&
    sameRules(known.snapshot, snapshot);
  const entries = sameEntries ? known.entries : entriesOf(input, known?.entries);
  const encoder = outboundEncoder(context, snapshot, memo);
  const touched = new Set(touchedByEndpoints(known, snapshot, entries));
  if (!sameEntries)
    for (const [service, entry] of entries) if (known?.entries.get(service) !== entry) touched.add(service);
  const clusters = new Map<string, EncodedResource | undefined>();
  const endpoints = new Map<string, EncodedResource | undefined>();
  if (!sameEntries) for (const entry of gone(before, entries)) removeAll(entry, clusters, endpoints);
  for (const service of touched) contribute(entries.get(service), { snapshot, encoder, clusters, endpoints });
  return {
    snapshot,
    services,
    ports,
    passes,
    entries,
    clusters: patchedSet(before?.clusters ?? emptySet, clusters),
    endpoints: patchedSet(before?.endpoints ?? emptySet, endpoints),
  };
}

/** Whether what every cluster and endpoint may depend on is the same. */
function sameForAll(a: Snapshot, b: Snapshot): boolean {
  return a.mesh === b.mesh && a.config.list('PeerAuthentication') === b.config.list('PeerAuthentication');
}

function sameRules(a: Snapshot, b: Snapshot): boolean {
  return a.config.list('DestinationRule') === b.config.list('DestinationRule');
}

/** Entries for all services; those whose service and rule are as before are the same objects. */
function entriesOf(
  { scope, services, ports, passes, memo }: Input,
  before: ReadonlyMap<Service, Entry> | undefined,
): ReadonlyMap<Service, Entry> {
  const { snapshot, context } = scope;
  const entries = new Map<Service, Entry>();
  const aliases: Service[] = [];
  for (const service of services) {
    if (service.externalName !== undefined) {
      aliases.push(service);
      continue;
    }
    const rule = destinationRuleOf({ snapshot, context, service, memo });
    const known = before?.get(service);
    const own = clusterSpecs({ service, rule, context, memo });
    const all = passes ? memo.get('all-specs', [own], () => [...own, ...passingSpecs(own, memo)]) : own;
    const entry = entryOf(rule, all, ports?.get(service.hostname));
    entries.set(service, known !== undefined && isSameEntry(known, entry) ? known : entry);
  }
  if (aliases.length > 0) addAliases(aliases, entries, { scope, services, ports, passes, memo });
  return entries;
}

function entryOf(
  rule: MergedRule | undefined,
  all: readonly ClusterSpec[],
  ports: ReadonlySet<number> | undefined,
): Entry {
  return { rule, all, specs: ports === undefined ? all : all.filter(({ port }) => ports.has(port.port)) };
}

function isSameEntry(a: Entry, b: Entry): boolean {
  return (
    a.rule === b.rule &&
    a.all === b.all &&
    a.specs.length === b.specs.length &&
    a.specs.every((spec, i) => spec === b.specs[i])
  );
}

/** ExternalName services stand for the name they point to, unless another service has it. */
function addAliases(aliases: readonly Service[], entries: Map<Service, Entry>, { scope, ports, memo }: Input): void {
  const { snapshot, context } = scope;
  const taken = new Set([...entries.values()].flatMap(({ specs }) => specs.map(({ name }) => name)));
  for (const service of aliases) {
    const rule = destinationRuleOf({ snapshot, context, service, memo });
    const all = clusterSpecs({ service, rule, context, memo });
    const specs = entryOf(rule, all, ports?.get(service.hostname)).specs.filter(({ name }) => !taken.has(name));
    entries.set(service, { rule, all, specs });
    for (const { name } of specs) taken.add(name);
  }
}

/** Services whose endpoints may differ: those that the snapshot names if it follows the last one, else all. */
function touchedByEndpoints(
  known: Table | undefined,
  { changed, registry }: Snapshot,
  entries: ReadonlyMap<Service, Entry>,
): readonly Service[] {
  if (known === undefined || changed === 'all' || changed.since !== known.snapshot.position) return [...entries.keys()];
  const services = [...changed.endpoints].flatMap((key) => registry.services.get(key) ?? []);
  return services.filter((service) => entries.has(service));
}

function gone(before: Table | undefined, entries: ReadonlyMap<Service, Entry>): readonly Entry[] {
  return [...(before?.entries ?? [])]
    .filter(([service, entry]) => entries.get(service) !== entry)
    .map(([, entry]) => entry);
}

type Changes = Map<string, EncodedResource | undefined>;

function removeAll({ specs }: Entry, clusters: Changes, endpoints: Changes): void {
  for (const { name } of specs) {
    clusters.set(name, undefined);
    endpoints.set(name, undefined);
  }
}

function contribute(
  entry: Entry | undefined,
  to: {
    readonly snapshot: Snapshot;
    readonly encoder: OutboundEncoder;
    readonly clusters: Changes;
    readonly endpoints: Changes;
  },
): void {
  const { snapshot, encoder, clusters, endpoints } = to;
  for (const spec of entry?.specs ?? []) {
    const ofService = snapshot.registry.endpoints(serviceKey(spec.service));
    clusters.set(
      spec.name,
      resolvesNames(spec) ? encoder.namedCluster(spec, ofService) : encoder.cluster(spec, ofService),
    );
    if (spec.discovery === 'EDS') endpoints.set(spec.name, encoder.loadAssignment(spec, ofService));
  }
}
