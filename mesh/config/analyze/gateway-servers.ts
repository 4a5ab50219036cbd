// Gateways' servers: ports that their proxies' services do not have, and certificates that several Gateways share.
import { type ConfigResource, serviceKey } from '../../../events/model.ts';
import type { Problem } from '../problem.ts';
import type { GatewaySpec, ServerTLSSettings } from '../schemas/gateway.ts';
import { finding, hasLabels, type MeshIndex, nameOf, selectorText } from './mesh-index.ts';

type Gateway = ConfigResource<GatewaySpec>;

/** IST0138 and IST0162. */
export function analyzeGatewayServers(gateways: readonly Gateway[], index: MeshIndex): readonly Problem[] {
  return [...gateways.flatMap((gateway) => unservedPorts(gateway, index)), ...sharedCertificates(gateways)];
}

/** Only where endpoints of the Gateway's proxies are known: others may be reached without any service. */
function unservedPorts(gateway: Gateway, { snapshot: { registry } }: MeshIndex): readonly Problem[] {
  const selector = gateway.spec.selector ?? {};
  const ports = [...registry.services.values()].flatMap((service) =>
    registry
      .endpoints(serviceKey(service))
      .filter(({ labels }) => hasLabels(labels, selector))
      .flatMap((endpoint) => service.ports.flatMap(({ name, port }) => [port, endpoint.ports[name]])),
  );
  if (ports.length === 0 || Object.keys(selector).length === 0) return [];
  return (gateway.spec.servers ?? []).flatMap(({ port: { number } }, i) =>
    ports.includes(number)
      ? []
      : [
          finding(
            gateway,
            ['spec', 'servers', i, 'port', 'number'],
            'IST0162',
            `The gateway is listening on a target port (port ${number}) that is not defined in the Service associated with its workload instances (Pod selector ${selectorText(selector)}). If you need to access the gateway port through the gateway Service, it will not be available.`,
          ),
        ],
  );
}

/** A client that has a connection for one of them may send requests for the other over it, and is answered 404. */
function sharedCertificates(gateways: readonly Gateway[]): readonly Problem[] {
  return gateways.flatMap((gateway) =>
    gateways
      .filter((other) => other !== gateway && hasLabels(other.spec.selector ?? {}, gateway.spec.selector ?? {}))
      .flatMap((other) =>
        (gateway.spec.servers ?? []).flatMap(({ tls }, i) => {
          if (!(other.spec.servers ?? []).some((server) => sameCertificate(server.tls, tls))) return [];
          const message = `Duplicate certificate in multiple gateways [${nameOf(gateway)} ${nameOf(other)}] may cause 404s if clients re-use HTTP2 connections.`;
          return [finding(gateway, ['spec', 'servers', i, 'tls'], 'IST0138', message)];
        }),
      ),
  );
}

function sameCertificate(a: ServerTLSSettings | undefined, b: ServerTLSSettings | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  if (a.credentialName || b.credentialName) return a.credentialName === b.credentialName;
  return (
    Boolean(a.serverCertificate && a.privateKey) &&
    a.serverCertificate === b.serverCertificate &&
    a.privateKey === b.privateKey
  );
}
