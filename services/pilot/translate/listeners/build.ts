// All listeners of a proxy.
import { inboundListeners } from '../inbound/inbound-listeners.ts';
import type { Memo } from '../memo.ts';
import type { ProxyScope } from '../proxy-scope.ts';
import type { EncodedResource } from '../translation.ts';
import { outboundListeners } from './outbound.ts';

/** Listeners by name. The same map while none of them changes. */
export function buildListeners(scope: ProxyScope, memo: Memo): ReadonlyMap<string, EncodedResource> {
  const lookups = { scope, memo };
  const outbound = outboundListeners(lookups);
  const inbound = inboundListeners(lookups);
  // Where a name is taken the outbound listener keeps it, as in Istio: the inbound one comes later.
  return memo.get('listeners', [outbound, inbound], () => new Map([...inbound, ...outbound]));
}
