// A VirtualService made complete: short names spelled out, delegated routes merged in.
import type { ConfigResource } from '../../../../events/model.ts';
import type {
  Destination,
  HTTPRoute,
  RouteDestination,
  TCPRoute,
  TLSRoute,
  VirtualServiceSpec,
} from '../../../../mesh/config/schemas/virtual-service.ts';
import type { Snapshot } from '../../../../mesh/snapshot.ts';
import type { Memo } from '../memo.ts';
import { resolveHostname } from '../names.ts';
import { mergeDelegate } from './merge-delegates.ts';

/** A VirtualService resource. */
export type VirtualService = ConfigResource<VirtualServiceSpec>;

/** The gateway name that stands for all sidecars. */
export const meshGateway = 'mesh';

/**
 * `virtualService` with full hostnames and gateway names (`namespace/name`) and its delegates' routes in place; the same
 * object while neither it nor a delegate of it changes. A delegate that is missing or not exported here takes its rule with it.
 */
export function resolveVirtualService(virtualService: VirtualService, snapshot: Snapshot, memo: Memo): VirtualService {
  const delegates = delegatesOf(virtualService, snapshot);
  return memo.get('resolved-virtual-service', [virtualService, ...delegates], () => {
    const own = resolveNames(virtualService);
    if (delegates.length === 0) return own;
    const rules = delegates.map((delegate) => (delegate === undefined ? [] : (resolveNames(delegate).spec.http ?? [])));
    let next = 0;
    const http = (own.spec.http ?? []).flatMap((rule) =>
      rule.delegate === undefined ? [rule] : mergeDelegate(rule, rules[next++] ?? []),
    );
    return { ...own, spec: { ...own.spec, http } };
  });
}

/** Full name of a Gateway that a VirtualService names: `namespace/name`, or `mesh`. */
export function resolveGatewayName(gateway: string, namespace: string): string {
  if (gateway === meshGateway) return gateway;
  const slash = gateway.indexOf('/');
  if (slash >= 0) return gateway.startsWith('./') ? `${namespace}${gateway.slice(slash)}` : gateway;
  const dot = gateway.indexOf('.');
  return dot < 0 ? `${namespace}/${gateway}` : `${gateway.slice(dot + 1)}/${gateway.slice(0, dot)}`;
}

/** One entry per delegating rule, in order. */
function delegatesOf(virtualService: VirtualService, snapshot: Snapshot): (VirtualService | undefined)[] {
  return (virtualService.spec.http ?? []).flatMap(({ delegate }) => {
    if (delegate === undefined) return [];
    const namespace = delegate.namespace || virtualService.namespace;
    const found = snapshot.config.get<VirtualServiceSpec>('VirtualService', namespace, delegate.name ?? '');
    const usable =
      found !== undefined && !found.spec.hosts?.length && isExported(found, virtualService.namespace, snapshot);
    return [usable ? found : undefined];
  });
}

/** Whether a VirtualService may be used in a namespace. */
export function isExported(virtualService: VirtualService, namespace: string, snapshot: Snapshot): boolean {
  const own = virtualService.spec.exportTo ?? [];
  const exportTo = own.length > 0 ? own : snapshot.mesh.defaultVirtualServiceExportTo;
  return exportTo.some(
    (to) => to === '*' || to === namespace || (to === '.' && virtualService.namespace === namespace),
  );
}

function resolveNames(virtualService: VirtualService): VirtualService {
  const { spec, namespace } = virtualService;
  const gateways = <T extends { readonly gateways?: readonly string[] }>(match: T): T =>
    match.gateways === undefined
      ? match
      : { ...match, gateways: match.gateways.map((name) => resolveGatewayName(name, namespace)) };
  return {
    ...virtualService,
    spec: {
      ...gateways(spec),
      hosts: (spec.hosts ?? []).map((host) => resolveHostname(host, namespace)),
      ...(spec.http ? { http: spec.http.map((rule) => resolveHttp(rule, namespace, gateways)) } : {}),
      ...(spec.tcp ? { tcp: spec.tcp.map((rule) => resolveL4(rule, namespace, gateways)) } : {}),
      ...(spec.tls ? { tls: spec.tls.map((rule) => resolveL4(rule, namespace, gateways)) } : {}),
    },
  };
}

type ResolveGateways = <T extends { readonly gateways?: readonly string[] }>(match: T) => T;

function resolveHttp(rule: HTTPRoute, namespace: string, gateways: ResolveGateways): HTTPRoute {
  const resolve = (destination: Destination): Destination => resolveDestination(destination, namespace);
  return {
    ...rule,
    ...(rule.match ? { match: rule.match.map(gateways) } : {}),
    ...(rule.route ? { route: rule.route.map((to) => ({ ...to, destination: resolve(to.destination) })) } : {}),
    ...(rule.mirror ? { mirror: resolve(rule.mirror) } : {}),
    ...(rule.mirrors ? { mirrors: rule.mirrors.map((to) => ({ ...to, destination: resolve(to.destination) })) } : {}),
  };
}

function resolveL4<T extends TCPRoute | TLSRoute>(rule: T, namespace: string, gateways: ResolveGateways): T {
  const route = rule.route?.map(
    (to): RouteDestination => ({ ...to, destination: resolveDestination(to.destination, namespace) }),
  );
  return { ...rule, ...(rule.match ? { match: rule.match.map(gateways) } : {}), ...(route ? { route } : {}) };
}

function resolveDestination(destination: Destination, namespace: string): Destination {
  return { ...destination, host: resolveHostname(destination.host, namespace).toLowerCase() };
}
