// Protocol names as Istio's resources write them.
import type { Protocol } from '../events/model.ts';

const protocols: Readonly<Record<string, Protocol>> = {
  http: 'HTTP',
  http_proxy: 'HTTP',
  http2: 'HTTP2',
  grpc: 'GRPC',
  'grpc-web': 'GRPC-Web',
  https: 'HTTPS',
  tls: 'TLS',
  tcp: 'TCP',
  mongo: 'Mongo',
  mysql: 'MySQL',
  redis: 'Redis',
  udp: 'UDP',
};

/**
 * The protocol that `name` stands for, whatever its case; `Unsupported` (detect it) for everything else
 * (istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection).
 */
export function parseProtocol(name: string): Protocol {
  return protocols[name.toLowerCase()] ?? 'Unsupported';
}
