// The protocol of a Kubernetes service port, selected as Istio does.
import type { Protocol } from '../../events/model.ts';
import { parseProtocol } from '../../mesh/protocol.ts';

/** Kubernetes' own names (kubernetes.io/docs/concepts/services-networking/service/#application-protocol). */
const standardNames: Readonly<Record<string, Protocol>> = {
  'kubernetes.io/h2c': 'HTTP2',
  'kubernetes.io/ws': 'HTTP',
  'kubernetes.io/wss': 'HTTPS',
};

/** SMTP, DNS, MySQL, MongoDB: there the server speaks first, so that waiting for the client's first bytes would break it. */
const serverFirstPorts: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

/**
 * By appProtocol, else by the port name up to its first dash; `Unsupported` (detect it) when neither says
 * (istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection).
 */
export function protocolOf(port: {
  readonly name?: string | undefined;
  readonly port: number;
  readonly protocol?: string | undefined;
  readonly appProtocol?: string | undefined;
}): Protocol {
  if (port.protocol === 'UDP') return 'UDP';
  const standard = port.appProtocol === undefined ? undefined : standardNames[port.appProtocol];
  if (standard) return standard;
  const name = (port.appProtocol || port.name || '').toLowerCase();
  if (name.startsWith('grpc-web')) return 'GRPC-Web';
  const protocol = parseProtocol(name.split('-')[0] ?? '');
  return protocol === 'Unsupported' && serverFirstPorts.has(port.port) ? 'TCP' : protocol;
}
