// Which connected proxies have an identity, and which trust bundle each is known to use: read from the deliveries projection. Pure.
import type { ProxyContextRecord } from './deliveries.ts';
import { type DeliveriesState, type ProxyDelivery, proxyConfigTypeUrl } from './deliveries.ts';

/** A proxy with an SVID whose stream is open. */
export interface ConnectedIdentity {
  /** NAME.NAMESPACE. */
  readonly proxy: string;
  readonly spiffeId: string;
  /** Facts position of the newest trust bundle that it took into use; undefined: none, or its agent does not say. */
  readonly bundlePosition: number | undefined;
}

/** All of them, by proxy. A bundle that the proxy refused is not in use. */
export function connectedIdentities(state: DeliveriesState, trustDomain: string): readonly ConnectedIdentity[] {
  return [...state.proxies.values()]
    .flatMap((proxy) => connectedIdentity(proxy, trustDomain) ?? [])
    .sort((a, b) => (a.proxy < b.proxy ? -1 : 1));
}

function connectedIdentity(proxy: ProxyDelivery, trustDomain: string): ConnectedIdentity | undefined {
  const [stream] = [...proxy.streams.values(), ...proxy.agents.values()];
  const { identity, namespace, serviceAccount = '' } = Object(stream?.context) as ProxyContextRecord;
  if (!stream || identity !== 'SDS') return undefined;
  const { acknowledged, rejected } = proxy.types.get(proxyConfigTypeUrl) ?? {};
  return {
    proxy: proxy.proxyId.split('~')[2] ?? proxy.proxyId,
    spiffeId: stream.spiffeId ?? `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`,
    bundlePosition: rejected ? undefined : acknowledged?.position,
  };
}
