// Validates a Sidecar (istio.io/latest/docs/reference/config/networking/sidecar).
import type { Destination } from '../schemas/destination.ts';
import type { ServerTLSSettings } from '../schemas/gateway.ts';
import type {
  IstioEgressListener,
  IstioIngressListener,
  OutboundTrafficPolicy,
  SidecarPort,
  SidecarSpec,
} from '../schemas/sidecar.ts';
import { checkDestination } from './destination.ts';
import { checkNamespacedHost, isAddress, isDnsName } from './hosts.ts';
import { checkWorkloadSelector } from './labels.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPort, checkPortName, checkProtocol, checkUnique, isHttp, isTls } from './ports.ts';
import { checkServerTls } from './server-tls.ts';
import { checkConnectionPool } from './traffic-policy.ts';
import { checkUnixPath } from './unix-path.ts';

/** See the file's first line. */
export const validateSidecar: SpecValidator<SidecarSpec> = (spec, place, { namespace }) => {
  const { ingress = [], egress = [], outboundTrafficPolicy: policy } = spec;
  checkWorkloadSelector(spec.workloadSelector, place.at('workloadSelector'));
  if (ingress.length === 0 && egress.length === 0 && !policy && !spec.inboundConnectionPool)
    place.error('sets nothing: one of ingress, egress, outboundTrafficPolicy or inboundConnectionPool is required');
  forEachAt(ingress, place.at('ingress'), checkIngress);
  checkUnique(
    ingress.map((listener) => listener.port.number),
    (index) => place.at('ingress', index, 'port', 'number'),
    { what: 'port' },
  );
  forEachAt(egress, place.at('egress'), (listener, at) => checkEgress(listener, at, namespace));
  checkEgressOrder(egress, place.at('egress'));
  if (spec.inboundConnectionPool) checkConnectionPool(spec.inboundConnectionPool, place.at('inboundConnectionPool'));
  if (policy?.egressProxy)
    checkEgressProxy(policy, policy.egressProxy, place.at('outboundTrafficPolicy', 'egressProxy'));
};

function checkEgressProxy(policy: OutboundTrafficPolicy, proxy: Destination, place: Place): void {
  if (policy.mode !== 'ALLOW_ANY') {
    place.error('needs mode ALLOW_ANY');
    return;
  }
  if (!isDnsName(proxy.host)) place.at('host').error(`expected a host name, found ${JSON.stringify(proxy.host)}`);
  if (proxy.port === undefined) place.at('port').error('is required');
  else checkDestination(proxy, place);
}

function checkIngress(listener: IstioIngressListener, place: Place): void {
  const { bind = '', defaultEndpoint = '', tls, port } = listener;
  checkListenerPort(port, place.at('port'));
  checkPort(port.number, place.at('port', 'number'));
  if (bind !== '' && !isAddress(bind)) place.at('bind').error(`expected an IP address, found ${JSON.stringify(bind)}`);
  if (defaultEndpoint !== '') checkDefaultEndpoint(defaultEndpoint, place.at('defaultEndpoint'));
  if (listener.connectionPool) checkConnectionPool(listener.connectionPool, place.at('connectionPool'));
  const { protocol = '' } = port;
  if (listener.connectionPool?.http && !isHttp(protocol))
    place.at('connectionPool', 'http').warn(`has no effect for protocol ${protocol || 'none'}, which is not HTTP`);
  if (tls) checkIngressTls(tls, place.at('tls'), protocol);
}

function checkIngressTls(tls: ServerTLSSettings, place: Place, protocol: string): void {
  const { mode = 'PASSTHROUGH' } = tls;
  if (!isTls(protocol)) place.error(`needs protocol HTTPS or TLS, found ${protocol || 'none'}`);
  if (tls.httpsRedirect) place.at('httpsRedirect').error('is not supported for sidecars');
  for (const name of ['subjectAltNames', 'credentialName', 'credentialNames', 'tlsCertificates'] as const)
    if (tls[name]?.length) place.at(name).error('is not supported for sidecars; use files');
  if (mode === 'ISTIO_MUTUAL' || mode === 'AUTO_PASSTHROUGH')
    place.at('mode').error(`expected SIMPLE, MUTUAL or OPTIONAL_MUTUAL, found ${mode}`);
  checkServerTls(tls, place);
}

/** The application itself (127.0.0.1 or ::1), the address the client asked for (0.0.0.0 or ::), or a Unix socket. */
function checkDefaultEndpoint(endpoint: string, place: Place): void {
  if (endpoint.startsWith('unix://')) {
    checkUnixPath(endpoint, place);
    return;
  }
  const match = /^(?:127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]|):(\d{1,5})$/.exec(endpoint);
  if (match === null)
    place.error(
      `expected 127.0.0.1:PORT, [::1]:PORT, 0.0.0.0:PORT, [::]:PORT or unix:///PATH, found ${JSON.stringify(endpoint)}`,
    );
  else checkPort(Number(match[1]), place);
}

function checkEgress(listener: IstioEgressListener, place: Place, namespace: string): void {
  const { bind = '', captureMode = 'DEFAULT', port } = listener;
  if (listener.hosts.length === 0) place.at('hosts').error('needs at least one host');
  forEachAt(listener.hosts, place.at('hosts'), (host, at) => {
    checkNamespacedHost(host, at, 'Sidecar');
    if (/^~[^/]/.test(host)) at.warn('leaving out a namespace is not carried out: name those that are wanted instead');
  });
  checkRepeatedHosts(listener.hosts, place.at('hosts'), namespace);
  if (port === undefined) {
    if (bind !== '') place.at('bind').warn('has no effect without a port');
    if (captureMode !== 'DEFAULT') place.at('captureMode').warn('has no effect without a port');
    return;
  }
  checkListenerPort(port, place.at('port'));
  if (!port.number) {
    if (bind.startsWith('unix://')) checkUnixPath(bind, place.at('bind'));
    else place.at('bind').error('a port without number needs a Unix socket here: unix:///PATH');
    if (captureMode === 'IPTABLES')
      place.at('captureMode').error("a Unix socket can't be captured by iptables: expected DEFAULT or NONE");
    return;
  }
  checkPort(port.number, place.at('port', 'number'));
  if (bind.startsWith('unix://')) place.at('port', 'number').error('expected 0, as bind is a Unix socket');
  else if (bind !== '' && !isAddress(bind))
    place.at('bind').error(`expected an IP address or unix:///path, found ${JSON.stringify(bind)}`);
}

/** As in Istio, a host after its namespace's *, and the other way round, is repeated. */
function checkRepeatedHosts(hosts: readonly string[], place: Place, namespace: string): void {
  const seen = new Map<string, Set<string>>();
  for (const [index, text] of hosts.entries()) {
    const slash = text.indexOf('/');
    if (slash < 0 || text.startsWith('~')) continue;
    const written = text.slice(0, slash);
    const owner = written === '.' ? namespace : written;
    const host = text.slice(slash + 1);
    const known = seen.get(owner) ?? new Set();
    if (host === '*' ? known.size > 0 : known.has(host) || known.has('*'))
      place.at(index).warn(`${text} is given already, by itself or by a wildcard`);
    seen.set(owner, known.add(host));
  }
  if (seen.get('*')?.has('*') && seen.size > 1) place.warn('*/* selects every host: leave out the others');
}

function checkListenerPort(port: SidecarPort, place: Place): void {
  if (port.name) checkPortName(port.name, place.at('name'));
  checkProtocol(port.protocol, place.at('protocol'));
  if (port.targetPort) place.at('targetPort').error('has no effect in a Sidecar: leave it out');
}

/** The listener without a port takes what is left, so there is one, and it is the last. */
function checkEgressOrder(egress: readonly IstioEgressListener[], place: Place): void {
  for (const [index, listener] of egress.entries())
    if (listener.port === undefined && index < egress.length - 1)
      place.at(index).error('an egress listener without port must be the only one and the last');
  const taken = egress.map(({ port, bind }) => (port === undefined ? undefined : port.number || bind));
  checkUnique(taken, (index) => place.at(index), { what: 'port or socket' });
}
