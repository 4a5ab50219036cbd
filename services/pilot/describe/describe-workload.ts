// Describes a workload: what it serves and what shapes its own proxy's configuration. Pure.
import { type ConfigResource, configKey } from '../../../events/model.ts';
import type { ProxyConfigSpec } from '../../../mesh/config/schemas/proxy-config.ts';
import type { WorkloadEntrySpec } from '../../../mesh/config/schemas/workload-entry.ts';
import { labelsOfWorkloadEntry } from '../../../mesh/service-entry.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { matchesLabels, sidecarOf } from '../translate/compute-proxy-scope.ts';
import { envoyFiltersFor, patchSetOf } from '../translate/envoy-filter/patch-set.ts';
import { createMemo } from '../translate/memo.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import { describeService, type SeenProxy, securityOf } from './describe-service.ts';
import type { Applied, WorkloadDescription } from './description.ts';
import { selectionOf } from './summaries.ts';

/** What is known of a workload, wherever it is from. */
export interface KnownWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly platform: string;
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount?: string;
}

/** Workloads of the registry, WorkloadEntries, endpoints' workloads and connected proxies, the first of each namespace and name. */
export function knownWorkloads(snapshot: Snapshot, proxies: readonly SeenProxy[]): readonly KnownWorkload[] {
  const { registry, config } = snapshot;
  const known = new Map<string, KnownWorkload>();
  const add = (workload: KnownWorkload) => {
    const key = `${workload.namespace}/${workload.name}`;
    if (!known.has(key)) known.set(key, workload);
  };
  for (const workload of registry.workloads.values()) add(workload);
  for (const entry of config.list<WorkloadEntrySpec>('WorkloadEntry')) add(workloadOfEntry(entry));
  for (const key of registry.services.keys())
    for (const { workload, address, ...endpoint } of registry.endpoints(key))
      if (workload) add({ ...endpoint, name: workload, addresses: [address] });
  for (const { id, context } of proxies) add({ ...context, name: nameInNodeId(id), platform: 'proxy' });
  return [...known.values()];
}

/** See the file's first line. */
export function describeWorkload(
  snapshot: Snapshot,
  workload: KnownWorkload,
  proxies: readonly SeenProxy[],
): WorkloadDescription {
  const memo = createMemo();
  const { name, namespace, platform, addresses, labels, serviceAccount } = workload;
  const own = proxies.filter(({ context }) => context.namespace === namespace && sharesAddress(context, addresses));
  const context = own[0]?.context ?? contextOf(workload);
  const security = securityOf(snapshot, context);
  const instances = addresses
    .flatMap((address) => snapshot.registry.instancesAt(address))
    .filter(({ service }) => service.namespace === namespace);
  const services = [...new Set(instances.map(({ service }) => service))];
  const { rootNamespace } = snapshot.mesh;
  const applied = (resource: ConfigResource, selector: Readonly<Record<string, string>> | undefined): Applied => ({
    resource: configKey(resource),
    why: selectionOf(resource, selector, rootNamespace),
  });
  const sidecar = sidecarOf(snapshot, context);
  const identified = own.find((proxy) => proxy.context.identity === 'SDS');
  const spiffeId = identified && spiffeIdOf(identified, snapshot);
  return {
    kind: 'workload',
    name,
    namespace,
    platform,
    addresses,
    labels,
    ...(serviceAccount && { serviceAccount }),
    proxies: own.map(({ id, connected, status }) => ({ id, connected, status })),
    services: services.map((service) => describeService(snapshot, service, { from: namespace, proxies, memo })),
    ...(sidecar && { sidecar: applied(sidecar, sidecar.spec.workloadSelector?.labels) }),
    envoyFilters: envoyFiltersFor(snapshot, context).map((filter) =>
      applied(filter, filter.spec.workloadSelector?.labels),
    ),
    envoyFilterProblems: patchSetOf(snapshot, context, memo)?.problems ?? [],
    proxyConfigs: snapshot.config
      .list<ProxyConfigSpec>('ProxyConfig')
      .filter((config) => config.namespace === rootNamespace || config.namespace === namespace)
      .filter(({ spec }) => matchesLabels(spec.selector?.matchLabels ?? {}, context.labels))
      .map((config) => applied(config, config.spec.selector?.matchLabels)),
    mutualTls: {
      mode: security.mutualTls.mode,
      ports: Object.fromEntries([...security.mutualTls.ports].map(([port, mode]) => [String(port), mode])),
    },
    policies: security.applied,
    ...(spiffeId && { spiffeId }),
  };
}

function workloadOfEntry(entry: ConfigResource<WorkloadEntrySpec>): KnownWorkload {
  const { name, namespace, spec } = entry;
  return {
    name,
    namespace,
    platform: 'workload-entry',
    addresses: spec.address ? [spec.address] : [],
    labels: labelsOfWorkloadEntry(entry),
    ...(spec.serviceAccount && { serviceAccount: spec.serviceAccount }),
  };
}

function spiffeIdOf({ context }: SeenProxy, { mesh }: Snapshot): string {
  return `spiffe://${mesh.trustDomain}/ns/${context.namespace}/sa/${context.serviceAccount || 'default'}`;
}

/** NAME in `TYPE~IP~NAME.NAMESPACE~DOMAIN`. */
function nameInNodeId(id: string): string {
  const name = id.split('~')[2] ?? id;
  return name.slice(0, name.lastIndexOf('.') === -1 ? undefined : name.lastIndexOf('.'));
}

function sharesAddress(context: ProxyContext, addresses: readonly string[]): boolean {
  return addresses.some((address) => context.addresses.includes(address));
}

/** Of a workload without a proxy: what its proxy would say. */
function contextOf({ namespace, labels, addresses, serviceAccount = '' }: KnownWorkload): ProxyContext {
  return {
    type: 'sidecar',
    generator: 'envoy',
    namespace,
    labels,
    addresses,
    dnsDomain: `${namespace}.svc.cluster.local`,
    clusterId: '',
    network: '',
    locality: '',
    serviceAccount,
    interceptionMode: 'REDIRECT',
    httpProxyPort: 0,
  };
}
