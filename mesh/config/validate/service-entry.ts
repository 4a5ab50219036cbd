// Validates a ServiceEntry (istio.io/latest/docs/reference/config/networking/service-entry).
import type { ServiceEntrySpec } from '../schemas/service-entry.ts';
import type { WorkloadEntrySpec } from '../schemas/workload-entry.ts';
import { checkExportTo } from './export-to.ts';
import { checkHost, isAddress, isAddressOrCidr, isDnsName, isPartialWildcard } from './hosts.ts';
import { checkLabelValues, checkWorkloadSelector } from './labels.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPort, checkPortName, checkProtocol, checkUnique, isHttp, isTls } from './ports.ts';
import { checkPortsOf, checkWorkload } from './workload-entry.ts';

/** See the file's first line. */
export const validateServiceEntry: SpecValidator<ServiceEntrySpec> = (spec, place, { namespace, labels }) => {
  checkHosts(spec, place.at('hosts'));
  checkAddresses(spec, place.at('addresses'));
  checkPorts(spec, place.at('ports'));
  if (spec.workloadSelector && spec.endpoints) place.error('only one of workloadSelector and endpoints may be set');
  checkWorkloadSelector(spec.workloadSelector, place.at('workloadSelector'));
  checkResolution(spec, place);
  if (spec.resolution === 'DYNAMIC_DNS') checkDynamicDns(spec, place, labels?.['istio.io/use-waypoint']);
  checkSeveralHosts(spec, place);
  checkExportTo(spec.exportTo, place.at('exportTo'), { namespace, none: true });
};

function checkHosts(spec: ServiceEntrySpec, place: Place): void {
  if (spec.hosts.length === 0) place.error('needs at least one host');
  forEachAt(spec.hosts, place, (host, at) => {
    if (host === '*') at.error('* is not allowed as a host');
    else checkHost(host, at);
    if (isPartialWildcard(host) && spec.resolution !== 'DYNAMIC_DNS')
      at.warn(`a wildcard stands for whole labels, as in *.example.com, found ${host}`);
  });
  checkUnique(spec.hosts, (index) => place.at(index), { what: 'host', warns: true });
}

function checkAddresses(spec: ServiceEntrySpec, place: Place): void {
  const resolution = spec.resolution ?? 'NONE';
  forEachAt(spec.addresses, place, (address, at) => {
    if (!isAddressOrCidr(address))
      at.error(`expected an IP address or a range such as 10.0.0.0/8, found ${JSON.stringify(address)}`);
    if (address.includes('/') && resolution !== 'NONE' && resolution !== 'STATIC')
      at.error(`a range is allowed with resolution NONE or STATIC only, found ${resolution}`);
  });
}

function checkPorts(spec: ServiceEntrySpec, place: Place): void {
  const ports = spec.ports ?? [];
  if (ports.length === 0) place.warn('without ports no traffic can be routed to it');
  forEachAt(ports, place, (port, at) => {
    checkPort(port.number, at.at('number'));
    checkPortName(port.name, at.at('name'));
    checkProtocol(port.protocol, at.at('protocol'));
    if (port.targetPort !== undefined && port.targetPort !== 0) checkPort(port.targetPort, at.at('targetPort'));
  });
  checkUnique(
    ports.map((port) => port.name),
    (index) => place.at(index, 'name'),
    { what: 'port name' },
  );
  checkUnique(
    ports.map((port) => port.number),
    (index) => place.at(index, 'number'),
    { what: 'port number' },
  );
}

function checkResolution(spec: ServiceEntrySpec, place: Place): void {
  const { endpoints = [], resolution = 'NONE' } = spec;
  const at = place.at('endpoints');
  switch (resolution) {
    case 'NONE':
      if (endpoints.length > 0)
        at.error(
          'resolution NONE sends to the address the client asked for: leave out endpoints, or use STATIC or DNS',
        );
      if (spec.workloadSelector) place.at('workloadSelector').warn('has no effect with resolution NONE');
      return;
    case 'STATIC':
      if (endpoints.length === 0 && !spec.workloadSelector)
        place.at('resolution').warn('STATIC without endpoints or workloadSelector has no one to send to');
      forEachAt(endpoints, at, (endpoint, one) => checkStaticEndpoint(endpoint, spec, one));
      return;
    case 'DNS':
    case 'DNS_ROUND_ROBIN':
      if (endpoints.length === 0)
        forEachAt(spec.hosts, place.at('hosts'), (host, one) => {
          if (!isDnsName(host))
            one.error(
              `resolution ${resolution} without endpoints needs a full host name, found ${JSON.stringify(host)}`,
            );
        });
      if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1)
        at.error('resolution DNS_ROUND_ROBIN takes at most one endpoint');
      forEachAt(endpoints, at, (endpoint, one) => checkDnsEndpoint(endpoint, spec, one));
      return;
    case 'DYNAMIC_DNS':
      return;
    default:
      resolution satisfies never;
  }
}

function checkStaticEndpoint(endpoint: WorkloadEntrySpec, spec: ServiceEntrySpec, place: Place): void {
  const { address = '' } = endpoint;
  checkWorkload(endpoint, place);
  if (address.startsWith('unix://')) {
    if (spec.ports?.length !== 1) place.at('address').error('a Unix socket needs exactly one port in the ServiceEntry');
  } else if (address !== '' && !isAddress(address))
    place.at('address').error(`resolution STATIC needs an IP address, found ${JSON.stringify(address)}`);
  checkPortNames(endpoint, spec, place);
}

function checkDnsEndpoint(endpoint: WorkloadEntrySpec, spec: ServiceEntrySpec, place: Place): void {
  const { address = '' } = endpoint;
  if (!isAddress(address) && !isDnsName(address))
    place
      .at('address')
      .error(`resolution ${spec.resolution} needs a host name or an IP address, found ${JSON.stringify(address)}`);
  checkLabelValues(endpoint.labels, place.at('labels'));
  checkPortsOf(endpoint, place.at('ports'));
  checkPortNames(endpoint, spec, place);
}

function checkPortNames(endpoint: WorkloadEntrySpec, { ports = [] }: ServiceEntrySpec, place: Place): void {
  const names = ports.map((port) => port.name);
  for (const name of Object.keys(endpoint.ports ?? {}))
    if (!names.includes(name))
      place.at('ports', name).error(`is not the name of one of the ports (${names.join(', ')})`);
}

/** Protocols in which a request names its host. */
const namingProtocols = ['HTTP', 'TLS', 'GRPC', 'HTTP2'];

function checkDynamicDns(spec: ServiceEntrySpec, place: Place, waypoint: string | undefined): void {
  forEachAt(spec.hosts, place.at('hosts'), (host, at) => {
    if (!host.startsWith('*')) at.error(`resolution DYNAMIC_DNS is for wildcard hosts, found ${JSON.stringify(host)}`);
  });
  for (const name of ['addresses', 'endpoints'] as const)
    if (spec[name]?.length)
      place.at(name).error(`resolution DYNAMIC_DNS takes the address from the request: leave out ${name}`);
  forEachAt(spec.ports, place.at('ports'), ({ protocol = '' }, at) => {
    if (!namingProtocols.includes(protocol.toUpperCase()))
      at.at('protocol').error(
        `resolution DYNAMIC_DNS is for ${namingProtocols.join(', ')}, found ${protocol || 'none'}`,
      );
  });
  if (spec.location === 'MESH_INTERNAL' && waypoint && waypoint.toLowerCase() !== 'none')
    place.at('location').error('MESH_INTERNAL with resolution DYNAMIC_DNS does not go with a waypoint');
}

/** Only HTTP and TLS tell one host from another; with NONE the client's address does. */
function checkSeveralHosts({ hosts, ports, addresses, resolution = 'NONE' }: ServiceEntrySpec, place: Place): void {
  if (resolution === 'NONE' || hosts.length < 2) return;
  forEachAt(ports, place.at('ports'), ({ protocol = '' }, at) => {
    if (!isHttp(protocol) && !isTls(protocol))
      at.at('protocol').error(
        `several hosts need ports of HTTP or TLS, which say the host, found ${protocol || 'none'}`,
      );
    else if (isTls(protocol) && addresses?.length && resolution.startsWith('DNS'))
      at.at('protocol').warn('several hosts share its addresses: only the server name tells them apart');
  });
}
