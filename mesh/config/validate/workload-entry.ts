// Validates a WorkloadEntry, and the endpoints of ServiceEntries (istio.io/latest/docs/reference/config/networking/workload-entry).
import type { WorkloadEntrySpec } from '../schemas/workload-entry.ts';
import { isAddress, isDnsName } from './hosts.ts';
import { checkLabelValues } from './labels.ts';
import type { Place, SpecValidator } from './place.ts';
import { checkPort } from './ports.ts';

const portName = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/;

/** See the file's first line. */
export const validateWorkloadEntry: SpecValidator<WorkloadEntrySpec> = (spec, place) => {
  checkWorkload(spec, place);
  if (!spec.address && !spec.network)
    place.at('address').error('is required (or a network whose gateway reaches the workload)');
};

/** Reports what is wrong with a workload, except a missing address: a WorkloadGroup's template has none. */
export function checkWorkload(spec: WorkloadEntrySpec, place: Place): void {
  const { address = '', ports = {}, locality = '' } = spec;
  if (address.startsWith('unix://')) {
    const path = address.slice('unix://'.length);
    if (!/^[/@]/.test(path) || path.endsWith('/'))
      place.at('address').error(`expected unix:// and an absolute path, found ${JSON.stringify(address)}`);
    if (Object.keys(ports).length > 0) place.at('ports').error('a Unix socket has no ports');
  } else if (address !== '' && !isAddress(address) && !isDnsName(address))
    place.at('address').error(`expected an IP address, a host name or unix:///path, found ${JSON.stringify(address)}`);
  for (const [name, port] of Object.entries(ports)) {
    if (name.length > 62 || !portName.test(name))
      place.at('ports', name).error(`${JSON.stringify(name)} is not the name of a port`);
    checkPort(port, place.at('ports', name));
  }
  checkLabelValues(spec.labels, place.at('labels'));
  if (locality !== '' && (locality.split('/').length > 3 || locality.startsWith('/')))
    place.at('locality').error(`expected REGION/ZONE/SUBZONE, found ${JSON.stringify(locality)}`);
}
