// The part of Nomad's answers and events that the adapter reads (developer.hashicorp.com/nomad/api-docs: services, allocations, jobs, events).

/** One instance of a native service, as `/v1/service/NAME` lists it and Service events carry it. */
export interface NomadRegistration {
  readonly ID: string;
  readonly ServiceName: string;
  readonly Namespace: string;
  readonly NodeID?: string;
  readonly Datacenter?: string;
  readonly JobID?: string;
  readonly AllocID?: string;
  readonly Tags?: readonly string[] | null;
  readonly Address: string;
  readonly Port: number;
  readonly CreateIndex?: number;
  readonly ModifyIndex?: number;
}

/** One allocation, of `/v1/allocations` or of an Allocation event. */
export interface NomadAllocation {
  readonly ID: string;
  readonly Namespace?: string;
  readonly JobID?: string;
  /** `run`, `stop`, `evict`. */
  readonly DesiredStatus?: string;
  /** `pending`, `running`, `complete`, `failed`, `lost`, `unknown`. */
  readonly ClientStatus?: string;
  readonly DesiredTransition?: { readonly Migrate?: boolean | null } | null;
  /** Healthy: absent or null while the deployment has not decided. */
  readonly DeploymentStatus?: { readonly Healthy?: boolean | null; readonly Canary?: boolean } | null;
  readonly ModifyIndex?: number;
}

/** One job, of `/v1/jobs?meta=true` (Nomad 1.6 and later) or of a Job event. */
export interface NomadJob {
  readonly ID: string;
  readonly Namespace?: string;
  readonly Meta?: Readonly<Record<string, string>> | null;
  readonly ModifyIndex?: number;
}

/** What `/v1/services` answers. */
export type NomadServiceList = readonly {
  readonly Namespace: string;
  readonly Services: readonly { readonly ServiceName: string }[];
}[];

/** What `/v1/client/allocation/ID/checks` answers, by check. */
export type NomadChecks = Readonly<
  Record<string, { readonly Status?: string; readonly Mode?: string; readonly Service?: string }>
>;

/** One line of `/v1/event/stream`: the events of one change, or none (`{}`, a heartbeat). */
export interface NomadEvents {
  readonly Index?: number;
  readonly Events?: readonly NomadEvent[] | null;
}

/** One event. */
export interface NomadEvent {
  readonly Topic: string;
  readonly Type: string;
  readonly Index?: number;
  readonly Payload?: {
    readonly Service?: NomadRegistration;
    readonly Allocation?: NomadAllocation;
    readonly Job?: NomadJob;
  } | null;
}

/** Whether an answer lists services. */
export function isServiceList(answer: unknown): answer is NomadServiceList {
  return isListOf(
    answer,
    ({ Namespace, Services }: Partial<NomadServiceList[number]>) =>
      typeof Namespace === 'string' &&
      isListOf(Services, ({ ServiceName }: { ServiceName?: string }) => typeof ServiceName === 'string'),
  );
}

/** Whether an answer lists instances of a service. */
export function isRegistrations(answer: unknown): answer is readonly NomadRegistration[] {
  return isListOf(answer, isRegistration);
}

/** Whether an answer lists things with an ID: allocations, jobs. */
export function isIdentified(answer: unknown): answer is readonly { readonly ID: string }[] {
  return isListOf(answer, ({ ID }: { ID?: string }) => typeof ID === 'string');
}

/** Whether a value is an instance of a service, as far as the adapter reads it. */
export function isRegistration(value: unknown): value is NomadRegistration {
  const { ID, ServiceName, Namespace, Address, Port } = (value ?? {}) as Partial<NomadRegistration>;
  const texts = [ID, ServiceName, Namespace, Address];
  return texts.every((text) => typeof text === 'string') && typeof Port === 'number';
}

/** Whether a line of the stream is one. */
export function isEvents(line: unknown): line is NomadEvents {
  if (typeof line !== 'object' || line === null) return false;
  const { Events } = line as NomadEvents;
  return (
    Events === undefined ||
    Events === null ||
    isListOf(Events, ({ Topic }: Partial<NomadEvent>) => typeof Topic === 'string')
  );
}

function isListOf<T>(value: unknown, isOne: (one: T) => boolean): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null && isOne(one as T));
}
