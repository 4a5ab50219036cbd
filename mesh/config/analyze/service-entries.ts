// ServiceEntries: what their TCP ports need, and whether they agree on a port's protocol.
import type { ConfigResource } from '../../../events/model.ts';
import type { Problem } from '../problem.ts';
import type { ServiceEntrySpec } from '../schemas/service-entry.ts';
import { finding, groupBy, type MeshIndex, nameOf } from './mesh-index.ts';

const named = ['HTTP', 'HTTPS', 'HTTP2', 'GRPC', 'GRPC-WEB', 'TLS', 'HTTP_PROXY', 'MONGO', 'REDIS', 'MYSQL'];

/** IST0134 and IST0177. */
export function analyzeServiceEntries(index: MeshIndex): readonly Problem[] {
  const entries = index.snapshot.config.list<ServiceEntrySpec>('ServiceEntry');
  return [...withoutAddresses(index), ...conflictingProtocols(entries)];
}

/** Of one host and port, the oldest's protocol holds where both are visible. */
function conflictingProtocols(entries: readonly ServiceEntry[]): readonly Problem[] {
  const ports = entries.flatMap((entry) =>
    (entry.spec.hosts ?? []).flatMap((host) =>
      (entry.spec.ports ?? []).map(({ number, protocol = '' }, at) => ({
        entry,
        at,
        host,
        number,
        protocol: protocol.toUpperCase(),
      })),
    ),
  );
  return [...groupBy(ports, ({ host, number }) => `${host}:${number}`).values()].flatMap((group) =>
    group.flatMap(({ entry, at, host, number, protocol }, position) => {
      const other = group
        .slice(0, position)
        .find((one) => one.entry !== entry && one.protocol !== protocol && meet(one.entry, entry));
      if (other === undefined) return [];
      const message = `ServiceEntry ${nameOf(other.entry)}, which is older, says ${other.protocol || 'nothing'} of ${host}:${number} and wins`;
      return [finding(entry, ['spec', 'ports', at, 'protocol'], 'IST0177', message)];
    }),
  );
}

type ServiceEntry = ConfigResource<ServiceEntrySpec>;

/** Whether some namespace sees both. */
function meet(a: ServiceEntry, b: ServiceEntry): boolean {
  const scopes = ({ spec: { exportTo = [] }, namespace }: ServiceEntry) =>
    exportTo.length === 0 ? ['*'] : exportTo.map((scope) => (scope === '.' ? namespace : scope));
  const [first, second] = [scopes(a), scopes(b)];
  return first.includes('*') || second.includes('*') || first.some((scope) => second.includes(scope));
}

/** IST0134: without an address, a TCP port can't be told from other services' ports. */
function withoutAddresses(index: MeshIndex): readonly Problem[] {
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
