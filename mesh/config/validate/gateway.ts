// Validates a Gateway (istio.io/latest/docs/reference/config/networking/gateway).
import type { GatewaySpec, Server } from '../schemas/gateway.ts';
import { checkNamespacedHost, isAddress, isDnsLabel } from './hosts.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPort, checkProtocol, checkUnique, isHttp, isTls } from './ports.ts';
import { checkServerTls } from './server-tls.ts';
import { checkUnixPath } from './unix-path.ts';

/** See the file's first line. */
export const validateGateway: SpecValidator<GatewaySpec> = (spec, place, { name, root }) => {
  const { servers = [], selector = {} } = spec;
  if (!isDnsLabel(name))
    root.at('metadata', 'name').error(`a Gateway's name has letters, digits and - (at most 63), found ${name}`);
  if (servers.length === 0) place.at('servers').error('a Gateway needs at least one server');
  if (Object.keys(selector).length === 0)
    place.at('selector').warn('without a selector every gateway proxy of the namespace is meant');
  forEachAt(servers, place.at('servers'), checkServer);
  checkUnique(
    servers.map((server) => server.name || undefined),
    (index) => place.at('servers', index, 'name'),
    { what: 'server name', warns: true },
  );
  checkUnique(
    servers.map((server) => server.port.name),
    (index) => place.at('servers', index, 'port', 'name'),
    { what: 'port name' },
  );
};

function checkServer(server: Server, place: Place): void {
  const { port, bind = '' } = server;
  if (server.hosts.length === 0) place.at('hosts').error('needs at least one host');
  forEachAt(server.hosts, place.at('hosts'), (host, at) => checkNamespacedHost(host, at, 'Gateway'));
  if (bind.startsWith('unix://')) {
    checkUnixPath(bind, place.at('bind'));
    if (port.number !== 0) place.at('port', 'number').error('expected 0, as bind is a Unix socket');
  } else {
    checkPort(port.number, place.at('port', 'number'));
    if (bind !== '' && !isAddress(bind))
      place.at('bind').error(`expected an IP address, found ${JSON.stringify(bind)}`);
  }
  if (port.name === '') place.at('port', 'name').error('is required');
  if (port.protocol === '') place.at('port', 'protocol').error('is required');
  checkProtocol(port.protocol, place.at('port', 'protocol'));
  if (port.targetPort) place.at('port', 'targetPort').error('has no effect in a Gateway: leave it out');
  if (server.defaultEndpoint) place.at('defaultEndpoint').warn('has no effect');
  checkTls(server, place);
}

function checkTls(server: Server, place: Place): void {
  const { tls, port } = server;
  if (tls === undefined) {
    if (isTls(port.protocol)) place.at('tls').error(`is required for protocol ${port.protocol}`);
    return;
  }
  const at = place.at('tls');
  if (tls.httpsRedirect && !isHttp(port.protocol))
    at.at('httpsRedirect').warn(`is for plain-text HTTP servers, found ${port.protocol}`);
  if (!isTls(port.protocol)) {
    const { mode = 'PASSTHROUGH' } = tls;
    const ends = !['PASSTHROUGH', 'AUTO_PASSTHROUGH'].includes(mode);
    const files = tls.caCertificates || tls.privateKey || tls.serverCertificate;
    if (!isHttp(port.protocol)) at.error(`has no meaning for protocol ${port.protocol}: expected HTTPS or TLS`);
    else if (ends || files) at.error(`for plain-text protocol ${port.protocol} only httpsRedirect may be set`);
  }
  checkServerTls(tls, at);
}
