// ServiceEntries: what their TCP ports need, and whether they agree on a port's protocol.
import type { ConfigResource } from '../../../events/model.ts';
import type { Problem } from '../problem.ts';
import type { ServiceEntrySpec } from '../schemas/service-entry.ts';
import { finding, groupBy, type MeshIndex, nameOf, wins } from './mesh-index.ts';

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
    group.flatMap((one) => {
      const others = group.filter((other) => other.entry !== one.entry && meet(other.entry, one.entry));
      const protocols = [...new Set([one, ...others].map(({ protocol }) => protocol))].sort();
      const winner = group.find((other) => other === one || others.includes(other));
      if (protocols.length < 2 || winner === undefined) return [];
      const names = [...new Set([one, ...others].map(({ entry }) => nameOf(entry)))].sort();
      const message = `Multiple ServiceEntries (${names.join(', ')}) define the same host ${JSON.stringify(one.host)} and port ${one.number} with conflicting protocols (${protocols.join(', ')}). ${wins(winner.entry)}`;
      return [finding(one.entry, ['spec', 'ports', one.at, 'protocol'], 'IST0177', message)];
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
      !['', 'TCP'].includes((port.protocol ?? '').toUpperCase())
        ? []
        : [finding(entry, ['spec', 'ports', i], 'IST0134', 'ServiceEntry addresses are required for this protocol.')],
    );
  });
}
