// Proxy contexts for tests.
import type { ProxyContext } from './proxy-context.ts';

/** A sidecar in `default` at 10.0.0.1 that intercepts; `over` replaces fields. */
export function sidecarContext(over: Partial<ProxyContext> = {}): ProxyContext {
  return {
    type: 'sidecar',
    generator: 'envoy',
    namespace: 'default',
    labels: {},
    addresses: ['10.0.0.1'],
    dnsDomain: 'default.svc.cluster.local',
    clusterId: '',
    network: '',
    locality: '',
    serviceAccount: '',
    interceptionMode: 'REDIRECT',
    httpProxyPort: 0,
    ...over,
  };
}
