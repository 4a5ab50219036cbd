// A sidecar's and a gateway's bootstrap options, for tests.
import type { BootstrapOptions } from './bootstrap.ts';

/** A sidecar of reviews v1 with every optional part. */
export const sidecarOptions: BootstrapOptions = {
  identity: {
    addresses: ['127.10.0.3'],
    name: 'reviews-v1-0',
    namespace: 'default',
    workloadName: 'reviews-v1',
    labels: { version: 'v1', app: 'reviews' },
    serviceAccount: 'bookinfo-reviews',
    locality: 'r1/z1',
  },
  pilotAddresses: ['127.0.0.1:15010', 'pilot-b.mesh:15010'],
  admin: { address: '127.0.0.1', port: 15000 },
  agentStatus: { address: '127.0.0.1', port: 15020 },
  connectionSocket: '/run/periplus/als.sock',
  readiness: { address: '127.0.0.1', port: 15021 },
  prometheus: { address: '127.0.0.1', port: 15090 },
  maxHeapBytes: 512 * 1024 * 1024,
  stats: { prefixes: ['cluster.outbound'], suffixes: ['upstream_rq_total'], regexps: ['http\\..*'] },
  drainSeconds: 5,
  concurrency: 1,
};

/** An ingress gateway with the fewest options. */
export const gatewayOptions: BootstrapOptions = {
  identity: {
    type: 'router',
    addresses: ['127.10.0.10'],
    name: 'istio-ingressgateway',
    namespace: 'istio-system',
    labels: { istio: 'ingressgateway' },
  },
  pilotAddresses: ['127.0.0.1:15010'],
  admin: { address: '127.0.0.1', port: 15000 },
  agentStatus: { address: '127.0.0.1', port: 15020 },
  drainSeconds: 5,
  concurrency: 2,
};
