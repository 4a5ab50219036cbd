// What is known of a Nomad region: lists, and the events since. Pure but for being mutable: events older than what is known change nothing.
import type { ServiceName } from './client.ts';
import type { NomadAllocation, NomadChecks, NomadEvent, NomadJob, NomadRegistration } from './nomad-types.ts';
import type { NomadInstance } from './translate.ts';

/** The lists of one moment. */
export interface NomadLists {
  readonly registrations: readonly NomadRegistration[];
  readonly allocations: readonly NomadAllocation[];
  readonly jobs: readonly NomadJob[];
}

/** `service/NAMESPACE/NAME`. */
export function scopeOf({ namespace, name }: ServiceName): string {
  return `service/${namespace}/${name}`;
}

/** Nobody hears of these again. */
const ended: readonly unknown[] = ['complete', 'failed', 'lost'];

/** See the file's first line. */
export class NomadState {
  readonly #services = new Map<string, Map<string, NomadRegistration>>();
  readonly #allocations = new Map<string, NomadAllocation>();
  readonly #jobs = new Map<string, NomadJob>();
  readonly #checks = new Map<string, NomadChecks>();
  /** Scopes by allocation and by job, of what has an instance. */
  readonly #scopes = new Map<string, Set<string>>();

  constructor({ registrations, allocations, jobs }: NomadLists) {
    for (const job of jobs) this.#jobs.set(jobKey(job.Namespace, job.ID), job);
    for (const registration of registrations) this.#register(registration);
    for (const allocation of allocations)
      if (this.#isOfInterest(allocation)) this.#allocations.set(allocation.ID, allocation);
  }

  /** The services with an instance. */
  scopes(): readonly string[] {
    return [...this.#services].filter(([, instances]) => instances.size > 0).map(([scope]) => scope);
  }

  /** The instances of a service. */
  instances(scope: string): readonly NomadInstance[] {
    return [...(this.#services.get(scope)?.values() ?? [])].map((registration) => ({
      registration,
      allocation: this.#allocations.get(registration.AllocID ?? ''),
      checks: this.#checks.get(registration.AllocID ?? ''),
      meta: this.#jobs.get(jobKey(registration.Namespace, registration.JobID))?.Meta ?? {},
    }));
  }

  /** Takes an event in; gives the services that it concerns, and the instance that it took out. */
  apply({ Topic, Type, Index = 0, Payload }: NomadEvent): {
    readonly scopes: readonly string[];
    readonly takenOut?: string;
  } {
    const { Service: registration, Allocation: allocation, Job: job } = Payload ?? {};
    if (Topic === 'Service' && registration)
      return Type === 'ServiceDeregistration' ? this.#deregister(registration, Index) : this.#registered(registration);
    if (Topic === 'Allocation' && allocation) return { scopes: this.#allocated(allocation) };
    if (Topic === 'Job' && job) {
      const key = jobKey(job.Namespace, job.ID);
      if (isOlder(job, this.#jobs.get(key))) return { scopes: [] };
      if (Type === 'JobDeregistered') this.#jobs.delete(key);
      else this.#jobs.set(key, job);
      // While its instances end they keep the labels they had.
      return { scopes: Type === 'JobDeregistered' ? [] : [...(this.#scopes.get(key) ?? [])] };
    }
    return { scopes: [] };
  }

  /** Running allocations with an instance, whose checks may be asked for. */
  checkable(): readonly { readonly id: string; readonly namespace: string }[] {
    const found = new Map<string, string>();
    for (const instances of this.#services.values())
      for (const { AllocID, Namespace } of instances.values())
        if (AllocID && this.#allocations.get(AllocID)?.ClientStatus === 'running') found.set(AllocID, Namespace);
    return [...found].map(([id, namespace]) => ({ id, namespace }));
  }

  /** Takes an allocation's checks in; gives the services that they concern. */
  checked(id: string, checks: NomadChecks): readonly string[] {
    if (!this.#scopes.has(id)) return [];
    this.#checks.set(id, checks);
    return [...(this.#scopes.get(id) ?? [])];
  }

  #registered(registration: NomadRegistration): { readonly scopes: readonly string[] } {
    const known = this.#services.get(scopeOfRegistration(registration))?.get(registration.ID);
    return { scopes: isOlder(registration, known) ? [] : [this.#register(registration)] };
  }

  #register(registration: NomadRegistration): string {
    const scope = scopeOfRegistration(registration);
    const instances = this.#services.get(scope) ?? new Map<string, NomadRegistration>();
    this.#services.set(scope, instances.set(registration.ID, registration));
    for (const key of [registration.AllocID, jobKey(registration.Namespace, registration.JobID)])
      if (key) this.#scopes.set(key, (this.#scopes.get(key) ?? new Set()).add(scope));
    return scope;
  }

  #deregister(registration: NomadRegistration, index: number) {
    const scope = scopeOfRegistration(registration);
    const instances = this.#services.get(scope);
    const known = instances?.get(registration.ID);
    // Registered again since: an event of the past that the stream began with.
    if (known && (known.ModifyIndex ?? 0) > index) return { scopes: [] };
    instances?.delete(registration.ID);
    const { AllocID } = registration;
    if (AllocID && ![...(instances?.values() ?? [])].some((other) => other.AllocID === AllocID)) {
      this.#scopes.get(AllocID)?.delete(scope);
      if (this.#scopes.get(AllocID)?.size === 0)
        for (const map of [this.#scopes, this.#allocations, this.#checks]) map.delete(AllocID);
    }
    return { scopes: [scope], takenOut: registration.ID };
  }

  #allocated(allocation: NomadAllocation): readonly string[] {
    if (isOlder(allocation, this.#allocations.get(allocation.ID))) return [];
    if (this.#isOfInterest(allocation)) this.#allocations.set(allocation.ID, allocation);
    else this.#allocations.delete(allocation.ID);
    return [...(this.#scopes.get(allocation.ID) ?? [])];
  }

  #isOfInterest({ ID, ClientStatus }: NomadAllocation): boolean {
    return this.#scopes.has(ID) || !ended.includes(ClientStatus);
  }
}

const scopeOfRegistration = ({ Namespace, ServiceName }: NomadRegistration) =>
  scopeOf({ namespace: Namespace, name: ServiceName });

const jobKey = (namespace: string | undefined, id: string | undefined) => `${namespace ?? 'default'}/${id ?? ''}`;

type Indexed = { readonly ModifyIndex?: number } | undefined;
const isOlder = (one: Indexed, known: Indexed) => (one?.ModifyIndex ?? 0) < (known?.ModifyIndex ?? 0);
