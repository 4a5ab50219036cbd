// Validates a Sidecar (istio.io/latest/docs/reference/config/networking/sidecar).
import type { IstioEgressListener, IstioIngressListener, SidecarPort, SidecarSpec } from '../schemas/sidecar.ts';
import { checkDestination } from './destination.ts';
import { checkNamespacedHost, isAddress } from './hosts.ts';
import { checkWorkloadSelector } from './labels.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPort, checkProtocol, checkUnique, isTls } from './ports.ts';
import { checkServerTls } from './server-tls.ts';
import { checkConnectionPool } from './traffic-policy.ts';

/** See the file's first line. */
export const validateSidecar: SpecValidator<SidecarSpec> = (spec, place) => {
  const { ingress = [], egress = [], outboundTrafficPolicy: policy } = spec;
  checkWorkloadSelector(spec.workloadSelector, place.at('workloadSelector'));
  if (ingress.length === 0 && egress.length === 0 && !policy && !spec.inboundConnectionPool)
    place.error('sets nothing: one of ingress, egress, outboundTrafficPolicy or inboundConnectionPool is required');
  forEachAt(ingress, place.at('ingress'), checkIngress);
  checkUnique(
    ingress.map((listener) => listener.port.number),
    (index) => place.at('ingress', index, 'port', 'number'),
    'port',
  );
  forEachAt(egress, place.at('egress'), checkEgress);
  checkEgressOrder(egress, place.at('egress'));
  if (spec.inboundConnectionPool) checkConnectionPool(spec.inboundConnectionPool, place.at('inboundConnectionPool'));
  if (policy?.egressProxy) {
    checkDestination(policy.egressProxy, place.at('outboundTrafficPolicy', 'egressProxy'));
    if (policy.mode !== 'ALLOW_ANY') place.at('outboundTrafficPolicy', 'egressProxy').error('needs mode ALLOW_ANY');
  }
};

function checkIngress(listener: IstioIngressListener, place: Place): void {
  const { bind = '', defaultEndpoint = '', tls, port } = listener;
  checkListenerPort(port, place.at('port'));
  if (bind !== '' && !isAddress(bind)) place.at('bind').error(`expected an IP address, found ${JSON.stringify(bind)}`);
  if (defaultEndpoint !== '') checkDefaultEndpoint(defaultEndpoint, place.at('defaultEndpoint'));
  if (listener.connectionPool) checkConnectionPool(listener.connectionPool, place.at('connectionPool'));
  if (tls === undefined) return;
  const { mode = 'PASSTHROUGH' } = tls;
  if (!isTls(port.protocol ?? ''))
    place.at('tls').error(`needs protocol HTTPS or TLS, found ${port.protocol || 'none'}`);
  if (tls.httpsRedirect) place.at('tls', 'httpsRedirect').error('is not supported for sidecars');
  if (!['SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL'].includes(mode))
    place.at('tls', 'mode').error(`expected SIMPLE, MUTUAL or OPTIONAL_MUTUAL, found ${mode}`);
  else if (tls.credentialName) place.at('tls', 'credentialName').error('is not supported for sidecars; use files');
  else checkServerTls(tls, place.at('tls'));
}

/** The application itself (127.0.0.1 or ::1), the address the client asked for (0.0.0.0 or ::), or a Unix socket. */
function checkDefaultEndpoint(endpoint: string, place: Place): void {
  if (/^unix:\/\/[/@]./.test(endpoint)) return;
  const match = /^(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]):(\d{1,5})$/.exec(endpoint);
  if (match === null)
    place.error(
      `expected 127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT or unix:///PATH, found ${JSON.stringify(endpoint)}`,
    );
  else checkPort(Number(match[2]), place);
}

function checkEgress(listener: IstioEgressListener, place: Place): void {
  const { bind = '', captureMode = 'DEFAULT', port } = listener;
  if (listener.hosts.length === 0) place.at('hosts').error('needs at least one host');
  forEachAt(listener.hosts, place.at('hosts'), (host, at) =>
    checkNamespacedHost(host, at, { bare: false, none: true, shortNames: true }),
  );
  if (port === undefined) {
    if (bind !== '') place.at('bind').error('needs a port');
    if (captureMode !== 'DEFAULT') place.at('captureMode').error('needs a port');
    return;
  }
  if (bind.startsWith('unix://')) {
    if (port.number) place.at('port', 'number').error('expected 0, as bind is a Unix socket');
    if (captureMode === 'IPTABLES')
      place.at('captureMode').error("a Unix socket can't be captured by iptables: expected DEFAULT or NONE");
    checkProtocol(port.protocol, place.at('port', 'protocol'));
    return;
  }
  checkListenerPort(port, place.at('port'));
  if (bind !== '' && !isAddress(bind))
    place.at('bind').error(`expected an IP address or unix:///path, found ${JSON.stringify(bind)}`);
}

function checkListenerPort(port: SidecarPort, place: Place): void {
  checkPort(port.number, place.at('number'));
  checkProtocol(port.protocol, place.at('protocol'));
  if (port.targetPort) place.at('targetPort').warn('has no effect');
}

/** The listener without a port takes what is left, so there is one, and it is the last. */
function checkEgressOrder(egress: readonly IstioEgressListener[], place: Place): void {
  for (const [index, listener] of egress.entries())
    if (listener.port === undefined && index < egress.length - 1)
      place.at(index).error('an egress listener without port must be the only one and the last');
  const addresses = egress.map((listener) =>
    listener.port === undefined ? undefined : `${listener.bind || '*'}:${listener.port.number ?? 0}`,
  );
  checkUnique(addresses, (index) => place.at(index), 'address');
}
