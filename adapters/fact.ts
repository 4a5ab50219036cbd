// The fact that says a thing exists, or is gone, for everything an adapter can observe.
import { configSubject } from '../events/config-facts.ts';
import { endpointSubject, serviceSubject, workloadSubject } from '../events/registry-facts.ts';
import type { Observed } from './adapter.ts';

/** A fact without its envelope. */
export interface Fact {
  readonly type: string;
  readonly subject: string;
  readonly data: unknown;
}

/** The subject that `observed` is an aggregate of. */
export function subjectOf(observed: Observed): string {
  switch (observed.kind) {
    case 'service':
      return serviceSubject(observed.value);
    case 'endpoint':
      return endpointSubject(observed.value);
    case 'workload':
      return workloadSubject(observed.value);
    case 'config':
      return configSubject(observed.value);
    default:
      return observed satisfies never;
  }
}

const existTypes = {
  service: 'io.periplus.registry.service-registered',
  endpoint: 'io.periplus.registry.endpoint-registered',
  workload: 'io.periplus.registry.workload-registered',
  config: 'io.periplus.config.applied',
} as const;
const goneTypes = {
  service: 'io.periplus.registry.service-deregistered',
  endpoint: 'io.periplus.registry.endpoint-deregistered',
  workload: 'io.periplus.registry.workload-deregistered',
  config: 'io.periplus.config.deleted',
} as const;

/** Every type of fact that adapters write. */
export const adapterFactTypes: readonly string[] = [...Object.values(existTypes), ...Object.values(goneTypes)];

/** `observed` exists with this content. */
export function existFact(observed: Observed): Fact {
  return { type: existTypes[observed.kind], subject: subjectOf(observed), data: observed.value };
}

/** `observed` is gone. */
export function goneFact(observed: Observed): Fact {
  return { type: goneTypes[observed.kind], subject: subjectOf(observed), data: identityOf(observed) };
}

/** What `type` and `data` of a recorded event say to exist; undefined for facts of other types, those of removal included. */
export function observedIn(type: string, data: unknown): Observed | undefined {
  for (const [kind, name] of Object.entries(existTypes)) if (type === name) return { kind, value: data } as Observed;
  return undefined;
}

function identityOf(observed: Observed): unknown {
  switch (observed.kind) {
    case 'service': {
      const { namespace, hostname, platform, clusterId } = observed.value;
      return { namespace, hostname, platform, ...(clusterId && { clusterId }) };
    }
    case 'endpoint': {
      const { namespace, hostname, platform, clusterId, id } = observed.value;
      return { namespace, hostname, platform, ...(clusterId && { clusterId }), id };
    }
    case 'workload': {
      const { namespace, name, platform, clusterId } = observed.value;
      return { namespace, name, platform, ...(clusterId && { clusterId }) };
    }
    case 'config': {
      const { kind, namespace, name } = observed.value;
      return { kind, namespace, name };
    }
    default:
      return observed satisfies never;
  }
}
