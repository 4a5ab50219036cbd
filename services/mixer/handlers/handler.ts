// The handler port: what a back end of Mixer is, be it built in or a third party's npm module. handler-contract.ts is its suite.
import type { CountStore } from '../../../events/count-store.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { AttributeValue, ValueType } from '../../../mesh/policy/attributes.ts';
import type { TemplateName } from '../../../mesh/policy/templates.ts';

/** A field of an instance: a value, or values by key (a MAP field, or a nested message). Absent attributes leave a field out. */
export type FieldValue = AttributeValue | { readonly [key: string]: FieldValue };

/** What a rule hands a handler: a template filled in from one request. */
export interface Instance {
  readonly template: TemplateName;
  /** `NAME.NAMESPACE` of the instance resource, or `NAME.NAMESPACE` of a Policy with the rule's name before it. */
  readonly name: string;
  /** By the template's field names (mesh/policy/templates.ts). */
  readonly fields: Readonly<Record<string, FieldValue>>;
  /** Type of the field `value` of a metric, where it is known: a number may be a DURATION in ms. */
  readonly valueType?: ValueType;
}

/** A gRPC status code (google.rpc.Code) with words for the caller. 0 is OK. */
export interface RpcStatus {
  readonly code: number;
  readonly message: string;
}

/** The answer to a check. */
export interface CheckResult {
  readonly status: RpcStatus;
  /** How long the answer may be used again for the same instance, in ms; 0: not at all. */
  readonly validForMs: number;
  /** How often; Infinity: no bound. */
  readonly validUses: number;
}

/** What is asked of a quota. */
export interface QuotaRequest {
  /** How much; at least 1. */
  readonly amount: number;
  /** Less than the whole amount is of use too. */
  readonly bestEffort: boolean;
  /** The same id asked again is answered alike and counted once. */
  readonly deduplicationId: string;
}

/** The answer of a quota. */
export interface QuotaResult {
  readonly status: RpcStatus;
  /** 0 when the quota is used up. */
  readonly granted: number;
  /** How long the grant may be spent, in ms. */
  readonly validForMs: number;
  /** How the quota stands, where the handler knows. */
  readonly standing?: QuotaStanding;
}

/** For `x-ratelimit-…` headers. */
export interface QuotaStanding {
  readonly maxAmount: number;
  /** 0: what is taken never comes back. */
  readonly windowMs: number;
  readonly left: number;
  /** Until more is left. */
  readonly resetMs: number;
}

/** A configured back end. Implement what the handler's templates call for. Reject when the back end fails: the runner counts and decides. */
export interface Handler {
  /** For `check` templates. Synchronous answers cost least. */
  check?(instance: Instance, signal: AbortSignal): CheckResult | Promise<CheckResult>;
  /** For `quota` templates. */
  quota?(instance: Instance, request: QuotaRequest, signal: AbortSignal): QuotaResult | Promise<QuotaResult>;
  /** For `report` templates: takes the whole batch or rejects. Never called twice at once. */
  report?(batch: readonly Instance[], signal: AbortSignal): Promise<void>;
  /** Runs until `signal` aborts: refreshing, listening, flushing. Started anew with backoff when it rejects. */
  run?(signal: AbortSignal): Promise<void>;
}

/** What a handler is given. */
export interface HandlerMeans {
  /** `NAME.NAMESPACE` of the handler resource. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where counts are shared with other Mixers; undefined: this one counts alone. */
  readonly counts?: CountStore;
}

/** A kind of handler: built in, or the default export of a third party's npm module. */
export interface HandlerKind<Params = unknown> {
  /** The adapter's name in configuration: `denier`. */
  readonly name: string;
  readonly templates: readonly TemplateName[];
  /** Makes a handler of parameters that have passed the adapter's schema (mesh/config/schemas/mixer-adapters.ts). May throw MeshError `invalid`. */
  create(params: Params, means: HandlerMeans): Handler;
}

/** google.rpc.Code, as far as handlers use it (github.com/googleapis/googleapis, google/rpc/code.proto). */
export const rpcCodes = {
  ok: 0,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;
