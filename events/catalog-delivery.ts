// Catalog entries of what Pilot saw proxies do (delivery-facts.ts).
import type { CatalogOf } from './catalog-entry.ts';
import type { DeliveryFact } from './delivery-facts.ts';

const common = { group: 'delivery', log: 'deliveries', subject: 'proxy/PROXY' } as const;
const proxyId = 'sidecar~10.0.0.7~reviews-v1-0.default~default.svc.cluster.local';
const streamId = 'pilot-1/42';
const typeUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const manifest = 'k3Jw9vT0qRzXb1LmN8sYcA';

/** See catalog.ts. */
export const deliveryEntries: CatalogOf<DeliveryFact> = {
  'io.periplus.delivery.proxy-connected': {
    ...common,
    meaning: 'A proxy opened its ADS stream.',
    data: 'proxy, stream, Pilot, peer, user agent, protocol, the ProxyContext and the facts position that Pilot had',
    example: {
      proxyId,
      streamId,
      pilot: 'pilot-1',
      peer: '10.0.0.7:51234',
      userAgent: 'envoy/1.40.0',
      protocol: 'delta',
      context: { namespace: 'default', labels: { app: 'reviews' } },
      position: 120,
    },
  },
  'io.periplus.delivery.proxy-disconnected': {
    ...common,
    meaning: "A proxy's stream ended.",
    data: 'proxy, stream and reason',
    example: { proxyId, streamId, reason: 'the client cancelled the stream' },
  },
  'io.periplus.delivery.stream-refused': {
    ...common,
    subject: 'refused/SPIFFE-ID',
    meaning: "A stream was not let in: its certificate is another's than its node says.",
    data: 'Pilot, stream, the node id that was claimed, peer, SPIFFE ID and reason',
    example: {
      pilot: 'pilot-1',
      streamId,
      claimed: proxyId,
      peer: '10.0.0.9:40112',
      spiffeId: 'spiffe://cluster.local/ns/shop/sa/web',
      reason: 'the certificate is spiffe://cluster.local/ns/shop/sa/web, but the node says namespace "default"',
    },
  },
  'io.periplus.delivery.manifest-recorded': {
    ...common,
    subject: 'manifest/HASH',
    meaning: 'A list of resource contents, kept once for all pushes that consist of it.',
    data: "the list's hash, type, names with content hashes, and names removed",
    example: {
      manifest,
      typeUrl,
      resources: [['outbound|9080||reviews.default.svc.cluster.local', '9f86d081']],
      removed: [],
    },
  },
  'io.periplus.delivery.pushed': {
    ...common,
    meaning: 'A response was sent to a proxy.',
    data: 'proxy, stream, type, nonce, facts position, manifest, whether it is the whole state of the type, and bytes',
    example: { proxyId, streamId, typeUrl, nonce: '7', position: 120, manifest, whole: true, bytes: 1830 },
  },
  'io.periplus.delivery.acknowledged': {
    ...common,
    meaning: 'A proxy took a response into use (ACK).',
    data: 'proxy, stream, type, nonce, facts position and milliseconds since the push',
    example: { proxyId, streamId, typeUrl, nonce: '7', position: 120, latencyMs: 4.2 },
  },
  'io.periplus.delivery.rejected': {
    ...common,
    meaning: 'A proxy refused a response and keeps what it had (NACK).',
    data: "proxy, stream, type, nonce, facts position, and the proxy's error: gRPC code and message",
    example: {
      proxyId,
      streamId,
      typeUrl,
      nonce: '8',
      position: 121,
      code: 13,
      message: 'Proto constraint validation failed',
    },
  },
  'io.periplus.delivery.pilot-progressed': {
    ...common,
    subject: 'pilot/NAME',
    meaning: 'How far the streams of a Pilot are; only where several processes share the logs.',
    data: 'Pilot, the facts position that it serves, how many proxies have not answered all of it, and ids of some of them',
    example: { pilot: 'pilot-1', position: 120, waiting: 0, laggards: [] },
  },
  'io.periplus.delivery.rejection-traced': {
    ...common,
    meaning: 'It was found out what a refusal (NACK) came from.',
    data: 'proxy, stream, type, nonce and facts position of the refusal, the resources that it is about, and the facts that caused it',
    example: {
      proxyId,
      streamId,
      typeUrl,
      nonce: '8',
      position: 121,
      resources: ['outbound|9080||reviews.default.svc.cluster.local'],
      causes: [
        {
          position: 121,
          id: 'f2Zb0Yw3nXq7Hk1Vd9sLtA',
          type: 'io.periplus.config.applied',
          subject: 'config/EnvoyFilter/default/reviews',
        },
      ],
    },
  },
};
