// Finds what a proxy can see: the Sidecar that applies to it, its egress listeners' services and VirtualServices, its instances.
import { type ConfigResource, type Service, serviceKey } from '../../../events/model.ts';
import type { IstioEgressListener, SidecarSpec } from '../../../mesh/config/schemas/sidecar.ts';
import type { VirtualServiceSpec } from '../../../mesh/config/schemas/virtual-service.ts';
import type { ServiceInstance, Snapshot } from '../../../mesh/snapshot.ts';
import type { Memo } from './memo.ts';
import { compareNames, isHostWithin, resolveHostname } from './names.ts';
import type { ProxyContext } from './proxy-context.ts';
import type { EgressScope, ProxyScope } from './proxy-scope.ts';
import { hostsOverlap } from './routes/hostname.ts';
import { contestingNamespaces, onePerHostname, visibleServices, visibleVirtualServices } from './visibility.ts';

/** See the file's first line. Its lists keep their identity from snapshot to snapshot while their contents do. */
export function proxyScope(snapshot: Snapshot, context: ProxyContext, memo: Memo): ProxyScope {
  return scopeWith({ snapshot, context, sidecar: sidecarOf(snapshot, context), memo });
}

/** As `proxyScope`, for a context that does not tell which Sidecar applies (the shared part of several proxies' contexts). */
export function scopeWith(options: {
  readonly snapshot: Snapshot;
  readonly context: ProxyContext;
  readonly sidecar: ConfigResource<SidecarSpec> | undefined;
  readonly memo: Memo;
}): ProxyScope {
  const { snapshot, context, sidecar, memo } = options;
  const ingress = sidecar?.spec.ingress;
  const policy = sidecar?.spec.outboundTrafficPolicy;
  return {
    snapshot,
    context,
    sidecar,
    egress: egressOf(snapshot, context, sidecar, memo),
    ingress: ingress !== undefined && ingress.length > 0 ? ingress : undefined,
    outboundTrafficPolicy:
      policy === undefined ? snapshot.mesh.outboundTrafficPolicy : (policy.mode ?? 'REGISTRY_ONLY'),
    instances: memo.stable('instances', context, instancesOf(snapshot, context)),
  };
}

/** `shared`, a scope that `context` has in common with other proxies, as its own: with all of the context and its instances. */
export function ownScope(shared: ProxyScope, context: ProxyContext, memo: Memo): ProxyScope {
  return { ...shared, context, instances: memo.stable('instances', context, instancesOf(shared.snapshot, context)) };
}

/**
 * The Sidecar that applies (istio.io/latest/docs/reference/config/networking/sidecar): of the proxy's namespace the
 * oldest whose workloadSelector matches, else the oldest without one, else the root namespace's without one.
 */
export function sidecarOf(snapshot: Snapshot, context: ProxyContext): ConfigResource<SidecarSpec> | undefined {
  // Gateways see their whole namespace: Sidecar resources are not for them.
  if (context.type === 'router') return undefined;
  const all = snapshot.config.list<SidecarSpec>('Sidecar');
  const own = all.filter(({ namespace }) => namespace === context.namespace);
  const isSelected = ({ spec }: ConfigResource<SidecarSpec>) => matchesLabels(selectorOf(spec), context.labels);
  return (
    own.find((sidecar) => hasSelector(sidecar.spec) && isSelected(sidecar)) ??
    own.find(({ spec }) => !hasSelector(spec)) ??
    all.find(({ namespace, spec }) => namespace === snapshot.mesh.rootNamespace && !hasSelector(spec))
  );
}

/** Whether `labels` have every entry of `selector`; an empty selector matches. */
export function matchesLabels(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

function selectorOf(spec: SidecarSpec): Readonly<Record<string, string>> {
  return spec.workloadSelector?.labels ?? {};
}

function hasSelector(spec: SidecarSpec): boolean {
  return Object.keys(selectorOf(spec)).length > 0;
}

/** What a proxy serves: instances at its addresses, of its namespace (addresses may be shared by the mesh's networks). */
function instancesOf(snapshot: Snapshot, context: ProxyContext): readonly ServiceInstance[] {
  const byService = new Map<string, ServiceInstance>();
  for (const address of context.addresses) {
    const all = snapshot.registry.instancesAt(address).filter(({ service }) => service.namespace === context.namespace);
    for (const instance of ofOwnCluster(all, context.clusterId)) {
      const key = serviceKey(instance.service);
      if (!byService.has(key)) byService.set(key, instance);
    }
  }
  if (byService.size < 2) return [...byService.values()]; // most proxies, at each change of endpoints
  return [...byService].sort(([a], [b]) => compareNames(a, b)).map(([, instance]) => instance);
}

/** Clusters on networks of their own may use one address twice: where a platform has it in the proxy's cluster, that counts. */
function ofOwnCluster(instances: readonly ServiceInstance[], clusterId: string): readonly ServiceInstance[] {
  if (clusterId === '') return instances;
  const isOwn = ({ endpoint }: ServiceInstance) => endpoint.clusterId === clusterId;
  const platforms = new Set(instances.filter(isOwn).map(({ endpoint }) => endpoint.platform));
  return instances.filter((one) => isOwn(one) || !one.endpoint.clusterId || !platforms.has(one.endpoint.platform));
}

function egressOf(
  snapshot: Snapshot,
  context: ProxyContext,
  sidecar: ConfigResource<SidecarSpec> | undefined,
  memo: Memo,
): readonly EgressScope[] {
  const services = visibleServices(snapshot, context.namespace, memo);
  const virtualServices = visibleVirtualServices(snapshot, context.namespace, memo);
  const egress = sidecar?.spec.egress ?? [];
  const { namespace } = context;
  const defaults = snapshot.mesh.defaultServiceExportTo;
  if (sidecar === undefined || egress.length === 0) {
    const isGateway = context.type === 'router';
    // Most namespaces see the same services: they share one scope.
    const own = !isGateway && contestingNamespaces(services, memo).has(namespace) ? namespace : undefined;
    return memo.get('default-egress', [services, virtualServices, defaults, context.type, own], () => {
      const listed = isGateway ? virtualServices : virtualServices.filter(appliesToMesh);
      const distinct = onePerHostname(services, { defaults, namespace: own });
      return [{ listener: undefined, services: distinct, virtualServices: listed }];
    });
  }
  return memo.get('sidecar-egress', [sidecar, services, virtualServices, defaults, namespace], () => {
    const meshWide = virtualServices.filter(appliesToMesh);
    return egress.map((listener) =>
      egressScope({ listener, services, virtualServices: meshWide }, namespace, defaults),
    );
  });
}

function appliesToMesh({ spec }: ConfigResource<VirtualServiceSpec>): boolean {
  const gateways = spec.gateways ?? [];
  return gateways.length === 0 || gateways.includes('mesh');
}

/**
 * An egress listener's share of what its namespace sees. A host whose namespace starts with `~` takes away what another
 * adds. A VirtualService is chosen by any name that it has in common with a host, however wide it is itself.
 */
function egressScope(
  visible: EgressScope & { readonly listener: IstioEgressListener },
  namespace: string,
  defaults: readonly string[],
): EgressScope {
  const { listener } = visible;
  const selectors = listener.hosts.map((host) => hostSelector(host, namespace));
  const isExcluded = (ownNamespace: string, host: string) =>
    selectors.some((one) => one.isExclusion && one.namespaces(ownNamespace) && isHostWithin(host, one.host));
  const selects = (ownNamespace: string, fits: (selected: string) => boolean) =>
    selectors.some((one) => !one.isExclusion && one.namespaces(ownNamespace) && fits(one.host));
  const selected = visible.services.filter(
    ({ namespace: own, hostname }) =>
      selects(own, (host) => isHostWithin(hostname, host)) && !isExcluded(own, hostname),
  );
  const services = onePerHostname(selected, { defaults, namespace });
  const virtualServices = visible.virtualServices.filter(({ namespace: own, spec }) =>
    (spec.hosts ?? []).some((text) => {
      const name = resolveHostname(text, own);
      return selects(own, (host) => hostsOverlap(name, host)) && !isExcluded(own, name);
    }),
  );
  return { listener, services: services.flatMap((service) => atListenerPort(service, listener)), virtualServices };
}

interface HostSelector {
  readonly namespaces: (namespace: string) => boolean;
  readonly host: string;
  readonly isExclusion: boolean;
}

/** `NAMESPACE/HOST` with `.` and `*` for the namespace; with `~` before it what is left out, `~` alone from all namespaces. */
function hostSelector(text: string, ownNamespace: string): HostSelector {
  const slash = text.indexOf('/');
  const [scope, host] = slash === -1 ? ['*', text] : [text.slice(0, slash), text.slice(slash + 1)];
  const isExclusion = scope.startsWith('~');
  const named = isExclusion ? scope.slice(1) || '*' : scope;
  const wanted = named === '.' ? ownNamespace : named;
  return { namespaces: (namespace) => wanted === '*' || wanted === namespace, host, isExclusion };
}

/** A listener with a port serves only services with that port, unless it is a forward proxy's. */
function atListenerPort(service: Service, listener: IstioEgressListener): readonly Service[] {
  const number = listener.port?.number ?? 0;
  if (number === 0 || listener.port?.protocol?.toUpperCase() === 'HTTP_PROXY') return [service];
  return service.ports.some(({ port }) => port === number) ? [service] : [];
}
