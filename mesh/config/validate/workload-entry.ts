// Validates a WorkloadEntry, and the endpoints of ServiceEntries (istio.io/latest/docs/reference/config/networking/workload-entry).
import type { WorkloadEntrySpec } from '../schemas/workload-entry.ts';
import { isAddress, isDnsName } from './hosts.ts';
import { checkLabelValues } from './labels.ts';
import type { Place, SpecValidator } from './place.ts';
import { checkPort, checkPortName } from './ports.ts';
import { checkUnixPath } from './unix-path.ts';

/** See the file's first line. */
export const validateWorkloadEntry: SpecValidator<WorkloadEntrySpec> = (spec, place) => {
  checkWorkload(spec, place);
  const { address = '' } = spec;
  if (address !== '' && !address.startsWith('unix://') && !isAddress(address) && !isDnsName(address))
    place.at('address').error(`expected an IP address, a host name or unix:///path, found ${JSON.stringify(address)}`);
};

/** Reports what is wrong with a workload wherever it stands; whether its address may be a name is its owner's to say. */
export function checkWorkload(spec: WorkloadEntrySpec, place: Place): void {
  const { address = '', network = '' } = spec;
  if (address === '' && network === '')
    place.at('address').error('is required (or a network whose gateway reaches the workload)');
  else if (address === '')
    place.at('address').warn(`is unset: the workload is reached through the gateway of network ${network}`);
  checkSocket(spec, place);
  checkPortsOf(spec, place.at('ports'));
  checkLabelValues(spec.labels, place.at('labels'));
}

/** Reports a Unix socket without an absolute path, or with ports; and a locality that says less than its parts. */
export function checkSocket({ address = '', ports = {}, locality = '' }: WorkloadEntrySpec, place: Place): void {
  if (address.startsWith('unix://')) {
    checkUnixPath(address, place.at('address'));
    if (Object.keys(ports).length > 0) place.at('ports').error('a Unix socket has no ports');
  }
  if (locality.split('/').length > 3 || locality.startsWith('/'))
    place.at('locality').warn(`expected REGION/ZONE/SUBZONE, found ${JSON.stringify(locality)}`);
}

/** Reports ports that have no usable name or number. */
export function checkPortsOf({ ports = {} }: WorkloadEntrySpec, place: Place): void {
  for (const [name, port] of Object.entries(ports)) {
    checkPortName(name, place.at(name));
    checkPort(port, place.at(name));
  }
}
