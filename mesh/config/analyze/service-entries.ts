// ServiceEntries: what their TCP ports need.
import type { Problem } from '../problem.ts';
import type { ServiceEntrySpec } from '../schemas/service-entry.ts';
import { finding, type MeshIndex } from './mesh-index.ts';

const named = ['HTTP', 'HTTPS', 'HTTP2', 'GRPC', 'GRPC-WEB', 'TLS', 'HTTP_PROXY', 'MONGO', 'REDIS', 'MYSQL'];

/** IST0134: without an address, a TCP port can't be told from other services' ports. */
export function analyzeServiceEntries(index: MeshIndex): readonly Problem[] {
  return index.snapshot.config.list<ServiceEntrySpec>('ServiceEntry').flatMap((entry) => {
    if (entry.spec.addresses?.length) return [];
    return (entry.spec.ports ?? []).flatMap((port, i) =>
      named.includes((port.protocol ?? '').toUpperCase())
        ? []
        : [
            finding(
              entry,
              ['spec', 'ports', i],
              'IST0134',
              `addresses are needed for port ${port.number} of protocol ${port.protocol || 'TCP'}: without them all traffic to that port is taken`,
            ),
          ],
    );
  });
}
