// Describes a service as the clients of one namespace see it. Pure: the same look-ups as translation makes.
import { type ConfigResource, configKey, type Endpoint, type Service, serviceKey } from '../../../events/model.ts';
import { analyze } from '../../../mesh/config/analyze.ts';
import type { AuthorizationPolicySpec } from '../../../mesh/config/schemas/authorization-policy.ts';
import type { PeerAuthenticationSpec } from '../../../mesh/config/schemas/peer-authentication.ts';
import type { RequestAuthenticationSpec } from '../../../mesh/config/schemas/request-authentication.ts';
import type { VirtualServiceSpec } from '../../../mesh/config/schemas/virtual-service.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { matchesLabels } from '../translate/compute-proxy-scope.ts';
import { destinationRuleOf } from '../translate/destination-rules.ts';
import { createMemo, type Memo } from '../translate/memo.ts';
import { isHostWithin } from '../translate/names.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import { resolveVirtualService } from '../translate/routes/resolve-virtual-service.ts';
import { mutualTlsModes } from '../translate/security/mutual-tls-mode.ts';
import { policiesOf } from '../translate/security/select-policies.ts';
import { visibleServices, visibleVirtualServices } from '../translate/visibility.ts';
import { describeExposures } from './describe-exposure.ts';
import type { Applied, DescribedEndpoint, DescribedRoutes, DescribedRule, ServiceDescription } from './description.ts';
import { policyLines, ruleLines, selectionOf } from './summaries.ts';

/** A proxy that Pilot knows, by what it said of itself. */
export interface SeenProxy {
  readonly id: string;
  readonly connected: boolean;
  readonly context: ProxyContext;
  readonly status: readonly string[];
}

/** For clients in `from`, without labels of their own. */
export function describeService(
  snapshot: Snapshot,
  service: Service,
  options: { readonly from: string; readonly proxies: readonly SeenProxy[]; readonly memo?: Memo },
): ServiceDescription {
  const { from, proxies, memo = createMemo() } = options;
  const endpoints = snapshot.registry.endpoints(serviceKey(service));
  const rule = describeRule(snapshot, service, from, endpoints, memo);
  const routes = describeRoutes(snapshot, service, from, memo);
  const security = describeSecurity(snapshot, service, endpoints);
  const exposures = routes.flatMap(({ virtualService }) => describeExposures(snapshot, virtualService, proxies));
  const concerned = new Set([
    ...[...routes, ...exposures].map(({ resource }) => resource),
    ...(rule ? [rule.resource, ...rule.merged] : []),
  ]);
  const { hostname, name, namespace, platform, resolution, addresses, ports } = service;
  return {
    kind: 'service',
    hostname,
    name,
    namespace,
    platform,
    resolution,
    addresses,
    ports: ports.map(({ name: portName, port, protocol, targetPort }) => ({
      name: portName,
      port,
      protocol,
      ...(targetPort === undefined || targetPort === port ? {} : { targetPort }),
    })),
    from,
    visible: visibleServices(snapshot, from, memo).includes(service),
    endpoints: endpoints.map((endpoint) => describeEndpoint(endpoint, rule, proxies)),
    routes: routes.map(({ virtualService: _, ...described }) => described),
    exposures,
    ...(rule && { rule }),
    ...security,
    findings: analyze(snapshot).filter(({ resource }) => resource !== undefined && concerned.has(resource)),
  };
}

function describeEndpoint(
  { address, ports, health, workload, labels, namespace }: Endpoint,
  rule: DescribedRule | undefined,
  proxies: readonly SeenProxy[],
): DescribedEndpoint {
  const proxy = proxies.find(
    ({ connected, context }) => connected && context.namespace === namespace && context.addresses.includes(address),
  );
  const subsets = (rule?.subsets ?? []).filter((subset) => matchesLabels(subset.labels, labels));
  return {
    address,
    ports,
    health,
    ...(workload && { workload }),
    subsets: subsets.map(({ name }) => name),
    ...(proxy && { proxy: proxy.id }),
  };
}

function describeRule(
  snapshot: Snapshot,
  service: Service,
  from: string,
  endpoints: readonly Endpoint[],
  memo: Memo,
): DescribedRule | undefined {
  const rule = destinationRuleOf({ snapshot, context: clientContext(from), service, memo });
  if (rule === undefined) return undefined;
  const [first, ...others] = rule.resources;
  const place =
    first.namespace === from
      ? 'in the clients’ own namespace'
      : first.namespace === service.namespace
        ? 'in the service’s namespace'
        : 'in the root namespace';
  return {
    resource: configKey(first),
    why: `host ${first.spec.host}, ${place}`,
    merged: others.map(configKey),
    policy: policyLines(rule.trafficPolicy),
    subsets: rule.subsets.map(({ name, labels = {}, trafficPolicy }) => {
      const within = endpoints.filter((endpoint) => matchesLabels(labels, endpoint.labels));
      const healthy = within.filter(({ health }) => health === 'healthy').length;
      return { name, labels, endpoints: within.length, healthy, policy: policyLines(trafficPolicy) };
    }),
  };
}

/** Of several VirtualServices for a host at the mesh gateway the oldest alone counts; gateways merge theirs. */
function describeRoutes(
  snapshot: Snapshot,
  { hostname }: Service,
  from: string,
  memo: Memo,
): readonly (DescribedRoutes & { readonly virtualService: ConfigResource<VirtualServiceSpec> })[] {
  let meshOwner: string | undefined;
  const described: (DescribedRoutes & { readonly virtualService: ConfigResource<VirtualServiceSpec> })[] = [];
  for (const written of visibleVirtualServices(snapshot, from, memo)) {
    const complete = resolveVirtualService(written, snapshot, memo);
    const host = (complete.spec.hosts ?? []).find((one) => isHostWithin(hostname, one));
    const target = destinationHosts(complete.spec).includes(hostname);
    if (host === undefined && !target) continue;
    const resource = configKey(written);
    const gateways = complete.spec.gateways?.length ? complete.spec.gateways : ['mesh'];
    const isShadowed = host !== undefined && meshOwner !== undefined && gateways.every((name) => name === 'mesh');
    described.push({
      virtualService: complete,
      resource,
      why: host === undefined ? 'sends or mirrors requests for other hosts here' : `host ${host}`,
      gateways,
      rules: ruleLines(complete.spec),
      ...(isShadowed && meshOwner !== undefined && { shadowedBy: meshOwner }),
    });
    if (host === hostname && gateways.includes('mesh')) meshOwner ??= resource;
  }
  return described;
}

function destinationHosts(spec: VirtualServiceSpec): readonly string[] {
  const http = (spec.http ?? []).flatMap(({ route, mirror, mirrors }) => [
    ...(route ?? []).map(({ destination }) => destination.host),
    ...(mirror ? [mirror.host] : []),
    ...(mirrors ?? []).map(({ destination }) => destination.host),
  ]);
  const bytes = [...(spec.tcp ?? []), ...(spec.tls ?? [])].flatMap(({ route }) => route ?? []);
  return [...http, ...bytes.map(({ destination }) => destination.host)];
}

function describeSecurity(snapshot: Snapshot, service: Service, endpoints: readonly Endpoint[]) {
  const modes = new Set<string>();
  const policies = new Map<string, Applied>();
  // Workloads with equal labels are held to the same.
  const subjects = new Map(endpoints.map(({ labels }) => [JSON.stringify(labels), labels]));
  for (const labels of subjects.values()) {
    const { mutualTls, applied } = securityOf(snapshot, { type: 'sidecar', namespace: service.namespace, labels });
    modes.add(mutualTls.mode);
    for (const policy of applied) policies.set(policy.resource, policy);
  }
  return { mutualTls: [...modes].sort(), policies: [...policies.values()] };
}

/** The policies of a workload, and what its ports take. */
export function securityOf(snapshot: Snapshot, subject: Pick<ProxyContext, 'type' | 'namespace' | 'labels'>) {
  const { rootNamespace } = snapshot.mesh;
  const peer = policiesOf<PeerAuthenticationSpec>(snapshot, 'PeerAuthentication', subject);
  const all: readonly ConfigResource<{ readonly selector?: { readonly matchLabels?: Record<string, string> } }>[] = [
    ...peer,
    ...policiesOf<RequestAuthenticationSpec>(snapshot, 'RequestAuthentication', subject),
    ...policiesOf<AuthorizationPolicySpec>(snapshot, 'AuthorizationPolicy', subject),
  ];
  return {
    mutualTls: mutualTlsModes(peer, { rootNamespace, namespace: subject.namespace, labels: subject.labels }),
    applied: all.map(
      (policy): Applied => ({
        resource: configKey(policy),
        why: selectionOf(policy, policy.spec.selector?.matchLabels, rootNamespace),
      }),
    ),
  };
}

/** A client of a namespace of which nothing else is known. */
function clientContext(namespace: string): ProxyContext {
  return {
    type: 'sidecar',
    generator: 'envoy',
    namespace,
    labels: {},
    addresses: [],
    dnsDomain: `${namespace}.svc.cluster.local`,
    clusterId: '',
    network: '',
    locality: '',
    serviceAccount: '',
    interceptionMode: 'REDIRECT',
    httpProxyPort: 0,
  };
}
