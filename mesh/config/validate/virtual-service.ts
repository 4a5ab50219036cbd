// Validates a VirtualService (istio.io/latest/docs/reference/config/networking/virtual-service).
import { hostsOverlap } from '../resolve-host.ts';
import type { VirtualServiceSpec } from '../schemas/virtual-service.ts';
import { checkExportTo } from './export-to.ts';
import { checkGatewayNames } from './gateway-name.ts';
import { checkGatewayHost, checkHost, isAddress, isWildcardName } from './hosts.ts';
import { checkHttpRoute } from './http-route.ts';
import { checkTcpRoute, checkTlsRoute } from './l4-route.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkUnreachable } from './unreachable-rules.ts';

/** See the file's first line. A VirtualService without hosts is a delegate: HTTP routes only, bound by whoever delegates to it. */
export const validateVirtualService: SpecValidator<VirtualServiceSpec> = (spec, place, { namespace }) => {
  const { hosts = [], gateways = [] } = spec;
  const atGateway = gateways.length > 0 && !gateways.includes('mesh');
  const isDelegate = hosts.length === 0;
  if (isDelegate) checkDelegate(spec, place);
  else checkHosts(spec, place.at('hosts'), atGateway);
  checkGatewayNames(gateways, place.at('gateways'));
  if (!spec.http?.length && !spec.tcp?.length && !spec.tls?.length)
    place.error('one of http, tcp or tls must have a route');
  forEachAt(spec.http, place.at('http'), (route, at) => checkHttpRoute(route, at, { isDelegate, atGateway }));
  forEachAt(spec.tls, place.at('tls'), (route, at) => checkTlsRoute(route, at, { hosts, atGateway }));
  forEachAt(spec.tcp, place.at('tcp'), checkTcpRoute);
  for (const kind of ['http', 'tcp', 'tls'] as const) checkUnreachable(spec[kind] ?? [], place.at(kind));
  checkExportTo(spec.exportTo, place.at('exportTo'), { namespace, none: false });
};

function checkDelegate(spec: VirtualServiceSpec, place: Place): void {
  const only = 'a VirtualService without hosts is a delegate, which has http routes only';
  if (spec.gateways?.length) place.at('gateways').error(`${only}: give hosts, or leave out gateways`);
  if (spec.tls?.length) place.at('tls').error(only);
  if (spec.tcp?.length) place.at('tcp').error(only);
}

function checkHosts({ hosts = [], tls = [] }: VirtualServiceSpec, place: Place, atGateway: boolean): void {
  const sni = tls.some(({ match }) => match.some(({ sniHosts }) => sniHosts.length > 0));
  forEachAt(hosts, place, (host, at) => {
    if (atGateway) checkGatewayHost(host, at, { sni });
    else checkHost(host, at, { addresses: true });
    if (host === '*' && !atGateway)
      at.error('* is not allowed for sidecars (gateway mesh): name a host, or gateways other than mesh');
  });
  const isHost = (host: string) => isWildcardName(host) || isAddress(host) || (sni && host.startsWith('outbound_'));
  if (!hosts.every(isHost)) return;
  for (const [index, host] of hosts.entries()) {
    const other = hosts.slice(0, index).find((earlier) => hostsOverlap(earlier, host));
    if (other === undefined) continue;
    place.at(index).error(other === host ? `${host} is given twice` : `${host} and ${other} overlap: give one of them`);
  }
}
