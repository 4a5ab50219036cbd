// The part of Consul's answers that the adapter reads (developer.hashicorp.com/consul/api-docs/health#list-service-instances-for-service).

/** A place; in 1.17 and later. */
export interface ConsulLocality {
  readonly Region?: string;
  readonly Zone?: string;
}

/** Addresses for special uses, such as `wan` or `consul-virtual`. */
export type ConsulTaggedAddresses = Readonly<Record<string, { readonly Address?: string; readonly Port?: number }>>;

/** One instance of a service, as `/v1/health/service/NAME` lists it. */
export interface ConsulEntry {
  readonly Node: {
    readonly Node: string;
    readonly Address: string;
    readonly Datacenter?: string;
    readonly Meta?: Readonly<Record<string, string>> | null;
    readonly Locality?: ConsulLocality | null;
  };
  readonly Service: {
    readonly ID: string;
    readonly Service: string;
    /** Empty for services; `connect-proxy`, `mesh-gateway`, … for proxies. */
    readonly Kind?: string;
    readonly Address: string;
    readonly Port: number;
    readonly Tags?: readonly string[] | null;
    readonly Meta?: Readonly<Record<string, string>> | null;
    readonly TaggedAddresses?: ConsulTaggedAddresses | null;
    readonly Weights?: { readonly Passing?: number; readonly Warning?: number } | null;
    readonly Locality?: ConsulLocality | null;
    /** Enterprise. */
    readonly Namespace?: string;
    readonly CreateIndex?: number;
  };
  readonly Checks: readonly {
    readonly CheckID: string;
    readonly Status: string;
  }[];
}

/** What `/v1/catalog/services` answers: tags by service name. */
export type ConsulCatalog = Readonly<Record<string, readonly string[]>>;

/** Whether an answer has the shape of a list of instances, as far as the adapter reads it. */
export function isEntries(answer: unknown): answer is readonly ConsulEntry[] {
  return Array.isArray(answer) && answer.every(isEntry);
}

/** Whether an answer has the shape of a catalog. */
export function isCatalog(answer: unknown): answer is ConsulCatalog {
  return typeof answer === 'object' && answer !== null && !Array.isArray(answer);
}

function isEntry(value: unknown): boolean {
  const { Node, Service, Checks } = (value ?? {}) as Partial<ConsulEntry>;
  return (
    typeof Node?.Node === 'string' &&
    typeof Node.Address === 'string' &&
    typeof Service?.ID === 'string' &&
    typeof Service.Service === 'string' &&
    typeof Service.Port === 'number' &&
    Array.isArray(Checks)
  );
}
