// What analyzers look things up in: built once per snapshot.
import { type ConfigResource, configKey, type Service } from '../../../events/model.ts';
import type { Snapshot } from '../../snapshot.ts';
import { formatPath, type Path, type Problem } from '../problem.ts';
import { fullHostname, hostsOverlap } from '../resolve-host.ts';
import type { DestinationRuleSpec } from '../schemas/destination-rule.ts';
import { nothingShown, type ShownObjects } from './shown-objects.ts';

/** See the file's first line. */
export interface MeshIndex {
  readonly snapshot: Snapshot;
  readonly shown: ShownObjects;
  /** The services that a host in a resource of `namespace` means and that `namespace` can see; wildcards match on both sides. */
  servicesFor(host: string, namespace: string): readonly Service[];
  /** Workloads that platforms tell of, endpoints of services, whose workloads they stand for, and pods of files. */
  workloads(): readonly KnownWorkload[];
  /** Names of the subsets that DestinationRules define for a host in a resource of `namespace`. */
  subsetsFor(host: string, namespace: string): ReadonlySet<string>;
}

/** What a selector is matched with. */
export interface KnownWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Whether `labels` has all of `selector`. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** Indexes a snapshot, and what files show beside it. */
export function indexOf(snapshot: Snapshot, shown: ShownObjects = nothingShown): MeshIndex {
  const services = [...snapshot.registry.services.values()];
  const wildcards = services.filter((service) => service.hostname.startsWith('*'));
  const subsets = new Map<string, Set<string>>();
  for (const rule of snapshot.config.list<DestinationRuleSpec>('DestinationRule')) {
    const host = fullHostname(rule.spec.host, rule.namespace);
    const names = subsets.get(host) ?? new Set();
    for (const subset of rule.spec.subsets ?? []) names.add(subset.name);
    subsets.set(host, names);
  }
  const { registry } = snapshot;
  let workloads: readonly KnownWorkload[] | undefined;
  return {
    snapshot,
    shown,
    workloads: () => {
      workloads ??= [
        ...registry.workloads.values(),
        ...[...registry.services.keys()]
          .flatMap((key) => registry.endpoints(key))
          .map(({ id, workload, namespace, labels }) => ({ name: workload ?? id, namespace, labels })),
        ...shown.pods.map(({ name, namespace, metadata }) => ({ name, namespace, labels: metadata.labels ?? {} })),
      ];
      return workloads;
    },
    servicesFor: (host, namespace) => {
      const name = fullHostname(host, namespace);
      const candidates = name.startsWith('*')
        ? services.filter((service) => hostsOverlap(service.hostname, name))
        : [
            ...snapshot.registry.servicesOf(name),
            ...wildcards.filter((service) => hostsOverlap(service.hostname, name)),
          ];
      return candidates.filter((service) => isVisible(service, namespace));
    },
    subsetsFor: (host, namespace) => {
      const name = fullHostname(host, namespace);
      const matching = [...subsets].filter(
        ([ruleHost]) => ruleHost === name || (ruleHost.startsWith('*') && hostsOverlap(ruleHost, name)),
      );
      return new Set(matching.flatMap(([, names]) => [...names]));
    },
  };
}

function isVisible(service: Service, namespace: string): boolean {
  const { exportTo } = service;
  if (exportTo === undefined || exportTo.length === 0 || exportTo.includes('*')) return true;
  return exportTo.includes(namespace) || (exportTo.includes('.') && service.namespace === namespace);
}

/** A warning on `resource`. */
export function finding(resource: ConfigResource, path: Path, code: string, message: string): Problem {
  return { severity: 'warning', resource: configKey(resource), path: formatPath(path), code, message };
}

/** `namespace/name`, for messages. */
export function nameOf(resource: ConfigResource): string {
  return `${resource.namespace}/${resource.name}`;
}

/** Which of several holds. */
export function wins(resource: ConfigResource): string {
  return `The oldest, ${nameOf(resource)}, wins.`;
}

/** Labels as Kubernetes writes a selector: `app=web,tier=a`. */
export function selectorText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}

/** Groups in order of first appearance. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
