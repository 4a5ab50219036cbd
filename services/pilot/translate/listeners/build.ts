// All listeners of a proxy.
import { gatewayListeners } from '../gateways/gateway-listeners.ts';
import { inboundListeners } from '../inbound/inbound-listeners.ts';
import type { Memo } from '../memo.ts';
import type { ProxyScope } from '../proxy-scope.ts';
import { proxylessListeners } from '../proxyless/proxyless-listeners.ts';
import type { EncodedResource } from '../translation.ts';
import { outboundListeners } from './outbound.ts';

/** Listeners by name. The same map while none of them changes. */
export function buildListeners(scope: ProxyScope, memo: Memo): ReadonlyMap<string, EncodedResource> {
  const shared = buildOutboundListeners(scope, memo);
  const own = buildInboundListeners(scope, memo);
  if (own.size === 0) return shared;
  return memo.get('listeners', [shared, own], () => new Map([...shared, ...own]));
}

/** A sidecar's outbound listeners, a gateway's, or those that a gRPC client resolves names by. */
export function buildOutboundListeners(scope: ProxyScope, memo: Memo): ReadonlyMap<string, EncodedResource> {
  const lookups = { scope, memo };
  if (scope.context.generator === 'grpc') return proxylessListeners(lookups);
  return scope.context.type === 'router' ? gatewayListeners(lookups) : outboundListeners(lookups);
}

/** A sidecar's inbound listeners: they depend on its own addresses and instances. */
export function buildInboundListeners(scope: ProxyScope, memo: Memo): ReadonlyMap<string, EncodedResource> {
  const isSidecar = scope.context.type === 'sidecar' && scope.context.generator === 'envoy';
  return isSidecar ? inboundListeners({ scope, memo }) : noListeners;
}

const noListeners: ReadonlyMap<string, EncodedResource> = new Map();
