// The outbound clusters that a service asks for: one a port, and one more for each subset of its DestinationRule.
import type { Service, ServicePort } from '../../../../events/model.ts';
import type { Subset, TrafficPolicy } from '../../../../mesh/config/schemas/destination-rule.ts';
import { effectivePolicy, type MergedRule } from '../destination-rules.ts';
import { isLookedUp } from '../dynamic-dns.ts';
import type { Memo } from '../memo.ts';
import { dnsSrvSubsetKey, subsetKey } from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';

/** How Envoy finds a cluster's endpoints (Cluster.DiscoveryType; FORWARD_PROXY: those that requests name). */
export type Discovery = 'EDS' | 'STRICT_DNS' | 'LOGICAL_DNS' | 'ORIGINAL_DST' | 'FORWARD_PROXY';

/** What one outbound cluster and its load assignment are made from. The same object while service and rule are. */
export interface ClusterSpec {
  /** `subsetKey` of port, subset and hostname; an ExternalName service stands for the name it points to. */
  readonly name: string;
  readonly service: Service;
  readonly port: ServicePort;
  readonly rule: MergedRule | undefined;
  readonly subset: Subset | undefined;
  /** What the rule says for this subset and port; empty without a rule. */
  readonly policy: TrafficPolicy;
  readonly discovery: Discovery;
  /** Bytes of the mesh's mutual TLS are passed on as they are, to endpoints that end it (AUTO_PASSTHROUGH). */
  readonly passesTls?: true;
}

/** The clusters of `service` under `rule`, for proxies of `context`'s kind and interception mode. */
export function clusterSpecs(options: {
  readonly service: Service;
  readonly rule: MergedRule | undefined;
  readonly context: Pick<ProxyContext, 'type' | 'generator' | 'interceptionMode'>;
  readonly memo: Memo;
}): readonly ClusterSpec[] {
  const { service, rule, context, memo } = options;
  const terminates = context.type === 'router' || context.generator === 'grpc';
  const intercepts = !terminates && context.interceptionMode !== 'NONE';
  const isProxyless = context.generator === 'grpc';
  return memo.get('cluster-specs', [service, rule, terminates, intercepts, isProxyless], () =>
    service.ports
      .filter(({ protocol }) => protocol !== 'UDP')
      .flatMap((port) =>
        [undefined, ...(isLookedUp(service) ? [] : (rule?.subsets ?? []))].map((subset) => {
          const policy = effectivePolicy(rule, subset, port.port);
          const name = subsetKey('outbound', port.port, subset?.name ?? '', service.externalName ?? service.hostname);
          const discovery = discoveryOf(service, policy, { terminates, intercepts, isProxyless });
          return { name, service, port, rule, subset, policy, discovery };
        }),
      ),
  );
}

/** The same clusters once more, named as clients of other networks name them in their SNI: what a gateway passes on without ending TLS. */
export function passingSpecs(specs: readonly ClusterSpec[], memo: Memo): readonly ClusterSpec[] {
  return memo.get('passing-specs', [specs], () =>
    specs
      .filter(({ service }) => service.location === 'MESH_INTERNAL')
      .map(({ policy: { tls: _, proxyProtocol: __, ...policy }, ...spec }) => ({
        ...spec,
        name: dnsSrvSubsetKey('outbound', spec.port.port, spec.subset?.name ?? '', spec.service.hostname),
        policy,
        passesTls: true,
      })),
  );
}

function discoveryOf(
  service: Service,
  policy: TrafficPolicy,
  proxy: { readonly terminates: boolean; readonly intercepts: boolean; readonly isProxyless: boolean },
): Discovery {
  if (service.externalName !== undefined) return 'STRICT_DNS';
  // gRPC clients have no filter that looks names up.
  if (isLookedUp(service)) return proxy.isProxyless ? 'EDS' : 'FORWARD_PROXY';
  const byResolution = discoveryByResolution(service);
  if (byResolution === 'ORIGINAL_DST' || policy.loadBalancer?.simple === 'PASSTHROUGH') {
    // A gateway and a gRPC client make connections of their own, and without interception there is no original destination to go on to.
    return proxy.terminates || (service.headless === true && !proxy.intercepts) ? 'EDS' : 'ORIGINAL_DST';
  }
  return byResolution;
}

function discoveryByResolution(service: Service): Discovery {
  if (service.headless === true) return 'ORIGINAL_DST';
  switch (service.resolution) {
    case 'STATIC':
      return 'EDS';
    case 'DNS':
      return 'STRICT_DNS';
    case 'DNS_ROUND_ROBIN':
      return 'LOGICAL_DNS';
    case 'NONE':
    case 'DYNAMIC_DNS':
      return 'ORIGINAL_DST';
    default:
      return service.resolution satisfies never;
  }
}
