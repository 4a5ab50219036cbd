// Validates a ServiceEntry (istio.io/latest/docs/reference/config/networking/service-entry).
import type { ServiceEntrySpec } from '../schemas/service-entry.ts';
import type { WorkloadEntrySpec } from '../schemas/workload-entry.ts';
import { checkExportTo } from './export-to.ts';
import { checkHost, isAddress, isAddressOrCidr, isDnsName } from './hosts.ts';
import { checkWorkloadSelector } from './labels.ts';
import { forEachAt, type Place, type SpecValidator } from './place.ts';
import { checkPort, checkPortName, checkProtocol, checkUnique } from './ports.ts';
import { checkWorkload } from './workload-entry.ts';

/** See the file's first line. */
export const validateServiceEntry: SpecValidator<ServiceEntrySpec> = (spec, place, { namespace }) => {
  if (spec.hosts.length === 0) place.at('hosts').error('needs at least one host');
  forEachAt(spec.hosts, place.at('hosts'), (host, at) => {
    checkHost(host, at, { addresses: true });
    if (host === '*') at.error('* is not allowed as a host');
  });
  checkUnique(spec.hosts, (index) => place.at('hosts', index), 'host');
  checkAddresses(spec, place.at('addresses'));
  checkPorts(spec, place.at('ports'));
  if (spec.workloadSelector && spec.endpoints?.length)
    place.error('only one of workloadSelector and endpoints may be set');
  checkWorkloadSelector(spec.workloadSelector, place.at('workloadSelector'));
  checkResolution(spec, place);
  checkEndpoints(spec, place.at('endpoints'));
  checkExportTo(spec.exportTo, place.at('exportTo'), { namespace, none: true });
};

function checkAddresses(spec: ServiceEntrySpec, place: Place): void {
  const resolution = spec.resolution ?? 'NONE';
  forEachAt(spec.addresses, place, (address, at) => {
    if (!isAddressOrCidr(address))
      at.error(`expected an IP address or a range such as 10.0.0.0/8, found ${JSON.stringify(address)}`);
    else if (address.includes('/') && resolution !== 'NONE' && resolution !== 'STATIC')
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
    'port name',
  );
  checkUnique(
    ports.map((port) => port.number),
    (index) => place.at(index, 'number'),
    'port number',
  );
}

function checkResolution(spec: ServiceEntrySpec, place: Place): void {
  const endpoints = spec.endpoints ?? [];
  const resolution = spec.resolution ?? 'NONE';
  switch (resolution) {
    case 'NONE':
      if (endpoints.length > 0)
        place
          .at('endpoints')
          .error(
            'resolution NONE sends to the address the client asked for: leave out endpoints, or use STATIC or DNS',
          );
      return;
    case 'STATIC':
      if (endpoints.length === 0 && !spec.workloadSelector)
        place.at('resolution').warn('STATIC without endpoints or workloadSelector has no one to send to');
      return;
    case 'DNS':
    case 'DNS_ROUND_ROBIN':
      if (endpoints.length === 0 && !spec.workloadSelector)
        forEachAt(spec.hosts, place.at('hosts'), (host, at) => {
          if (!isDnsName(host) || isAddress(host))
            at.error(
              `resolution ${resolution} without endpoints needs a full host name, found ${JSON.stringify(host)}`,
            );
        });
      if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1)
        place.at('endpoints').error('resolution DNS_ROUND_ROBIN takes at most one endpoint');
      return;
    case 'DYNAMIC_DNS':
      forEachAt(spec.hosts, place.at('hosts'), (host, at) => {
        if (!host.startsWith('*'))
          at.error(`resolution DYNAMIC_DNS is for wildcard hosts, found ${JSON.stringify(host)}`);
      });
      if (endpoints.length > 0)
        place.at('endpoints').error('resolution DYNAMIC_DNS takes the address from the request: leave out endpoints');
      return;
    default:
      resolution satisfies never;
  }
}

function checkEndpoints(spec: ServiceEntrySpec, place: Place): void {
  const names = new Set((spec.ports ?? []).map((port) => port.name));
  forEachAt(spec.endpoints, place, (endpoint, at) => {
    checkWorkload(endpoint, at);
    checkEndpointAddress(endpoint, spec, at.at('address'));
    for (const name of Object.keys(endpoint.ports ?? {}))
      if (!names.has(name))
        at.at('ports', name).error(`is not the name of one of the ports (${[...names].join(', ')})`);
  });
}

function checkEndpointAddress(endpoint: WorkloadEntrySpec, spec: ServiceEntrySpec, place: Place): void {
  const { address = '' } = endpoint;
  const resolution = spec.resolution ?? 'NONE';
  if (address === '') {
    if (!endpoint.network) place.error('is required (or a network whose gateway reaches the endpoint)');
  } else if (address.startsWith('unix://')) {
    if (resolution !== 'STATIC') place.error(`a Unix socket needs resolution STATIC, found ${resolution}`);
    if (spec.ports?.length !== 1) place.error('a Unix socket needs exactly one port in the ServiceEntry');
  } else if (resolution === 'STATIC' && !isAddress(address))
    place.error(`resolution STATIC needs an IP address, found ${JSON.stringify(address)}`);
}
