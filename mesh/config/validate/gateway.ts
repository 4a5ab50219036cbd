// Validates a Gateway (istio.io/latest/docs/reference/config/networking/gateway).
import type { GatewaySpec, Server } from '../schemas/gateway.ts';
import { checkNamespacedHost, isAddress } from './hosts.ts';
import { checkSelectorLabels } from './labels.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPort, checkPortName, checkProtocol, checkUnique, isHttp, isTls } from './ports.ts';
import { checkServerTls } from './server-tls.ts';

/** See the file's first line. */
export const validateGateway: SpecValidator<GatewaySpec> = (spec, place) => {
  if (!spec.servers?.length) place.at('servers').error('a Gateway needs at least one server');
  if (Object.keys(spec.selector ?? {}).length === 0)
    place.at('selector').warn('without a selector every gateway proxy of the namespace is meant');
  checkSelectorLabels(spec.selector, place.at('selector'));
  forEachAt(spec.servers, place.at('servers'), checkServer);
  const servers = spec.servers ?? [];
  checkUnique(
    servers.map((server) => server.name || undefined),
    (index) => place.at('servers', index, 'name'),
    'server name',
  );
  checkUnique(
    servers.map((server) => server.port.name),
    (index) => place.at('servers', index, 'port', 'name'),
    'port name',
  );
};

function checkServer(server: Server, place: Place): void {
  const { port, bind = '' } = server;
  if (server.hosts.length === 0) place.at('hosts').error('needs at least one host');
  forEachAt(server.hosts, place.at('hosts'), (host, at) =>
    checkNamespacedHost(host, at, { bare: true, none: false, shortNames: false }),
  );
  if (bind.startsWith('unix://')) {
    if (port.number !== 0) place.at('port', 'number').error('expected 0, as bind is a Unix socket');
  } else {
    checkPort(port.number, place.at('port', 'number'));
    if (bind !== '' && !isAddress(bind))
      place.at('bind').error(`expected an IP address, found ${JSON.stringify(bind)}`);
  }
  checkPortName(port.name, place.at('port', 'name'));
  if (port.protocol === '') place.at('port', 'protocol').error('is required');
  checkProtocol(port.protocol, place.at('port', 'protocol'));
  if (port.targetPort) place.at('port', 'targetPort').warn('has no effect');
  if (server.defaultEndpoint) place.at('defaultEndpoint').warn('has no effect');
  checkTls(server, place);
}

function checkTls(server: Server, place: Place): void {
  const { tls, port } = server;
  if (tls === undefined) {
    if (isTls(port.protocol)) place.at('tls').error(`is required for protocol ${port.protocol}`);
    return;
  }
  if (!isTls(port.protocol)) {
    if (!isHttp(port.protocol))
      place.at('tls').error(`has no meaning for protocol ${port.protocol}: expected HTTPS or TLS`);
    else if (!tls.httpsRedirect || tls.mode !== undefined)
      place.at('tls').error(`for plain-text protocol ${port.protocol} only httpsRedirect: true may be set`);
    return;
  }
  if (tls.httpsRedirect)
    place.at('tls', 'httpsRedirect').error(`is for plain-text HTTP servers, found ${port.protocol}`);
  checkServerTls(tls, place.at('tls'));
}
