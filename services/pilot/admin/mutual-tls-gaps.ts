// Who still sends plaintext, from what is known without asking Envoys: which proxies have an SVID, and which endpoints say that they take it. Pure.
import type { Endpoint, Service } from '../../../events/model.ts';
import type { DeliveriesState, ProxyContextRecord, ProxyDelivery } from '../../../mesh/deliveries.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { takesMutualTls } from '../translate/security/auto-mutual-tls.ts';
import { proxyName } from './proxy-status.ts';

/** Where plaintext goes, and how that is known. */
export interface MutualTlsGap {
  /** `sender`: a proxy without an SVID; `receiver`: an endpoint whose callers are told to send plaintext. */
  readonly role: 'sender' | 'receiver';
  readonly name: string;
  readonly why: string;
  /** What says so. */
  readonly source: string;
}

/** Senders by name, then receivers by name. Only services inside the mesh are looked at. */
export function mutualTlsGaps(snapshot: Snapshot, deliveries: DeliveriesState): readonly MutualTlsGap[] {
  const senders = [...deliveries.proxies.values()].flatMap((proxy) => senderGap(proxy) ?? []);
  const receivers = [...snapshot.registry.services].flatMap(([key, service]) =>
    service.location === 'MESH_INTERNAL'
      ? snapshot.registry.endpoints(key).flatMap((endpoint) => receiverGap(snapshot, service, endpoint) ?? [])
      : [],
  );
  return [...senders.sort(byName), ...receivers.sort(byName)];
}

const byName = (a: MutualTlsGap, b: MutualTlsGap) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

function senderGap({ proxyId, streams }: ProxyDelivery): MutualTlsGap | undefined {
  const [stream] = streams.values();
  const { identity } = Object(stream?.context) as ProxyContextRecord;
  if (!stream || identity === 'SDS') return undefined;
  const why = 'its proxy has no SVID: everything that it calls gets plaintext';
  return { role: 'sender', name: proxyName(proxyId), why, source: 'its stream, in the deliveries log' };
}

function receiverGap(snapshot: Snapshot, service: Service, endpoint: Endpoint): MutualTlsGap | undefined {
  const { mesh, config } = snapshot;
  const policies = config.list<Parameters<typeof takesMutualTls>[2][number]['spec']>('PeerAuthentication');
  const ports = Object.values(endpoint.ports);
  const name = `${service.hostname} ${endpoint.address}`;
  if (endpoint.labels['security.istio.io/tlsMode'] !== 'istio') {
    const why = 'nothing says that it has an SVID (label security.istio.io/tlsMode: istio)';
    return { role: 'receiver', name, why, source: 'the registry' };
  }
  if (ports.every((port) => takesMutualTls(endpoint, port, policies, mesh.rootNamespace))) return undefined;
  return { role: 'receiver', name, why: 'a PeerAuthentication says DISABLE', source: 'the configuration' };
}
