// Since when what a description names is as it is, and by whom: the last event of each resource, from the log.

import type { EventLog } from '../../../events/event-log.ts';
import type { CertificateIssued } from '../../../events/identity-facts.ts';
import { identitySubject } from '../../../events/identity-facts.ts';
import type { WorkloadHealthReported } from '../../../events/registry-facts.ts';
import type {
  DescribedCertificate,
  LastChange,
  ReportedHealth,
  ServiceDescription,
  WorkloadDescription,
} from './description.ts';

/** The resources that a description names, each once, sorted. */
export function namedResources(description: ServiceDescription | WorkloadDescription): readonly string[] {
  if (description.kind === 'service') {
    const { routes, rule, policies, exposures } = description;
    const rules = rule ? [rule.resource, ...rule.merged] : [];
    return sorted([...[...routes, ...policies, ...exposures].map(({ resource }) => resource), ...rules]);
  }
  const { services, sidecar, envoyFilters, proxyConfigs, policies } = description;
  const own = [...(sidecar ? [sidecar] : []), ...envoyFilters, ...proxyConfigs, ...policies];
  return sorted([...own.map(({ resource }) => resource), ...services.flatMap(namedResources)]);
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}

/** The last change of each at `position`; what no event has said has none. */
export async function lastChanges(
  log: Pick<EventLog, 'read'>,
  resources: readonly string[],
  position: number,
): Promise<readonly LastChange[]> {
  const changes: LastChange[] = [];
  for (const resource of resources) {
    const subject = `config/${resource}`;
    for await (const event of log.read({ subject, to: position, reverse: true, limit: 1 })) {
      if (event.subject !== subject) continue;
      changes.push({ resource, position: event.position, time: event.time, actor: event.actor });
    }
  }
  return changes;
}

/** The newest certificate that was issued for a SPIFFE ID up to `position`. */
export async function lastCertificate(
  log: Pick<EventLog, 'read'>,
  spiffeId: string,
  position: number,
): Promise<DescribedCertificate | undefined> {
  const subject = identitySubject(spiffeId);
  const types: readonly CertificateIssued['type'][] = ['io.periplus.identity.certificate-issued'];
  for await (const event of log.read({ subject, types, to: position, reverse: true, limit: 1 })) {
    const { serial, notAfter } = event.data as CertificateIssued['data'];
    return { spiffeId, serial, notAfter, position: event.position };
  }
  return undefined;
}

/** What agents of a workload's proxies last said of its health up to `position`, the proxies in their order. */
export async function lastHealth(
  log: Pick<EventLog, 'read'>,
  { namespace, proxies }: Pick<WorkloadDescription, 'namespace' | 'proxies'>,
  position: number,
): Promise<readonly ReportedHealth[]> {
  const types: readonly WorkloadHealthReported['type'][] = ['io.periplus.registry.workload-health-reported'];
  const reports: ReportedHealth[] = [];
  for (const { id } of proxies) {
    const subject = `registry/proxy/health/${namespace}/${id}`;
    for await (const event of log.read({ subject, types, to: position, reverse: true, limit: 1 })) {
      const { health, reason } = event.data as WorkloadHealthReported['data'];
      reports.push({ proxyId: id, health, reason, position: event.position, time: event.time });
    }
  }
  return reports;
}
