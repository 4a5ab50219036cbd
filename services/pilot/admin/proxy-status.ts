// The deliveries projection as `proxy-status` and the API show it.
import {
  type DeliveriesState,
  deliveryStatus,
  type ProxyDelivery,
  type StreamRecord,
  type TypeDelivery,
} from '../../../mesh/deliveries.ts';
import { typeUrls } from '../translate/translation.ts';
import type { ProxyStatus, TypeStatus } from './schemas.ts';

/** The short names of xDS (envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#variants-of-the-xds-transport-protocol), in the order shown. */
const shortNames: readonly (readonly [short: string, typeUrl: string])[] = [
  ['CDS', typeUrls.cluster],
  ['LDS', typeUrls.listener],
  ['EDS', typeUrls.endpoints],
  ['RDS', typeUrls.route],
  ['SDS', typeUrls.secret],
  ['ECDS', typeUrls.extension],
  ['PCDS', typeUrls.proxyConfig],
  ['AGENT', typeUrls.agentSettings],
];

/** `CDS` for the Cluster type's URL; the URL itself for types that have no such name. */
export function shortTypeName(typeUrl: string): string {
  return shortNames.find(([, url]) => url === typeUrl)?.[0] ?? typeUrl;
}

/** NAME.NAMESPACE in a node id `TYPE~IP~NAME.NAMESPACE~DOMAIN`; the whole id where it has another form. */
export function proxyName(proxyId: string): string {
  const parts = proxyId.split('~');
  return parts.length === 4 ? (parts[2] ?? proxyId) : proxyId;
}

/** Every proxy of `state`, in name order, then by id. */
export function proxyStatuses(state: DeliveriesState): readonly ProxyStatus[] {
  return [...state.proxies.values()].map(proxyStatusOf).sort((a, b) => compare(a.name, b.name) || compare(a.id, b.id));
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function proxyStatusOf(proxy: ProxyDelivery): ProxyStatus {
  const stream = mainStream(proxy);
  const name = proxyName(proxy.proxyId);
  const types = typeStatuses(proxy);
  return {
    id: proxy.proxyId,
    name,
    namespace: name.includes('.') ? name.slice(name.indexOf('.') + 1) : '',
    type: proxy.proxyId.split('~')[0] ?? '',
    connected: proxy.streams.size > 0,
    ...(stream === undefined ? {} : { connectedAt: stream.connectedAt }),
    ...(proxy.left === undefined ? {} : { disconnectedAt: proxy.left.time }),
    pilot: stream?.pilot ?? '',
    protocol: stream?.protocol ?? '',
    version: stream?.userAgent ?? '',
    peer: stream?.peer ?? '',
    position: Math.max(0, ...types.map((type) => type.ackedPosition ?? 0)),
    types,
  };
}

/** The stream that carries configuration: an agent's, which only reports health, is never sent anything. */
function mainStream(proxy: ProxyDelivery): StreamRecord | undefined {
  const used = new Set(
    [...proxy.types.values()].flatMap((type) => [type.pushed?.streamId, type.acknowledged?.streamId]),
  );
  const streams = [...proxy.streams.values()];
  return streams.findLast((stream) => used.has(stream.streamId)) ?? streams.at(-1) ?? proxy.lastConnected;
}

/** The four types that every proxy has, and others that were sent to it. */
function typeStatuses(proxy: ProxyDelivery): TypeStatus[] {
  const known = shortNames.filter(([short, url]) =>
    ['SDS', 'ECDS', 'PCDS', 'AGENT'].includes(short) ? proxy.types.has(url) : true,
  );
  const others = [...proxy.types.keys()].filter((url) => !shortNames.some(([, known]) => known === url)).sort();
  return [...known, ...others.map((url) => [url, url] as const)].map(([short, url]) =>
    typeStatusOf(short, proxy.types.get(url)),
  );
}

function typeStatusOf(short: string, delivery: TypeDelivery | undefined): TypeStatus {
  return {
    type: short,
    state: deliveryStatus(delivery),
    ...(delivery?.pushed === undefined ? {} : { sentPosition: delivery.pushed.position }),
    ...(delivery?.acknowledged === undefined ? {} : { ackedPosition: delivery.acknowledged.position }),
    ...(delivery?.rejected === undefined
      ? {}
      : {
          error: delivery.rejected.message,
          rejectedPosition: delivery.rejected.position,
          ...(delivery.rejected.traced && {
            rejectedResources: [...delivery.rejected.traced.resources],
            rejectedBecause: [...delivery.rejected.traced.causes],
          }),
        }),
  };
}
