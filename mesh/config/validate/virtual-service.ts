// Validates a VirtualService (istio.io/latest/docs/reference/config/networking/virtual-service).
import type { VirtualServiceSpec } from '../schemas/virtual-service.ts';
import { checkExportTo } from './export-to.ts';
import { checkGatewayName } from './gateway-name.ts';
import { checkHost, isHostSubset } from './hosts.ts';
import { checkHttpRoute } from './http-route.ts';
import { checkTcpRoute, checkTlsRoute } from './l4-route.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkUnique } from './ports.ts';

/** See the file's first line. A VirtualService without hosts is a delegate: HTTP routes only, bound by whoever delegates to it. */
export const validateVirtualService: SpecValidator<VirtualServiceSpec> = (spec, place, { namespace }) => {
  const hosts = spec.hosts ?? [];
  const gateways = spec.gateways ?? [];
  const isDelegate = hosts.length === 0;
  if (isDelegate) checkDelegate(spec, place);
  else checkHosts(hosts, gateways.length === 0 || gateways.includes('mesh'), place.at('hosts'));
  forEachAt(gateways, place.at('gateways'), checkGatewayName);
  if (!spec.http?.length && !spec.tcp?.length && !spec.tls?.length)
    place.error('one of http, tcp or tls must have a route');
  forEachAt(spec.http, place.at('http'), (route, at) => checkHttpRoute(route, at, { isDelegate }));
  checkUnreachable(spec, place.at('http'));
  forEachAt(spec.tls, place.at('tls'), (route, at) => checkTlsRoute(route, at, hosts));
  forEachAt(spec.tcp, place.at('tcp'), checkTcpRoute);
  checkExportTo(spec.exportTo, place.at('exportTo'), { namespace, none: false });
};

function checkDelegate(spec: VirtualServiceSpec, place: Place): void {
  const only = 'a VirtualService without hosts is a delegate, which has http routes only';
  if (spec.gateways?.length) place.at('gateways').error(`${only}: give hosts, or leave out gateways`);
  if (spec.tls?.length) place.at('tls').error(only);
  if (spec.tcp?.length) place.at('tcp').error(only);
}

function checkHosts(hosts: readonly string[], inMesh: boolean, place: Place): void {
  forEachAt(hosts, place, (host, at) => {
    checkHost(host, at, { addresses: true });
    if (host === '*' && inMesh)
      at.error('* is not allowed for sidecars (gateway mesh): name a host, or gateways other than mesh');
  });
  checkUnique(hosts, (index) => place.at(index), 'host');
  for (const [index, host] of hosts.entries()) {
    const wider = hosts.find(
      (other, at) => at !== index && other !== host && other !== '*' && isHostSubset(host, other),
    );
    if (wider !== undefined) place.at(index).warn(`${host} is already covered by ${wider}`);
  }
}

/** istioctl's IST0130: what stands after a route that matches everything is never reached. */
function checkUnreachable(spec: VirtualServiceSpec, place: Place): void {
  const routes = spec.http ?? [];
  const catchAll = routes.findIndex(
    (route) => !route.match?.length || route.match.some((match) => Object.keys(match).every((name) => name === 'name')),
  );
  if (catchAll < 0) return;
  for (let index = catchAll + 1; index < routes.length; index++)
    place.at(index).warn(`is never used: route ${catchAll}, before it, matches every request`, 'IST0130');
}
