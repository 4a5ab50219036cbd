// The shapes that the admin API takes and gives, as JSON Schemas (for validation and OpenAPI) and as types (for the CLI and the console).
import { type Static, Type } from 'typebox';

const optional = Type.Optional;

/** What is wrong, and where. */
export const problemSchema = Type.Object(
  {
    severity: Type.Union([Type.Literal('error'), Type.Literal('warning')]),
    code: optional(Type.String({ description: "istioctl's code of the same finding, e.g. IST0101" })),
    resource: optional(Type.String({ description: 'Kind/namespace/name' })),
    file: optional(Type.String()),
    line: optional(Type.Integer()),
    column: optional(Type.Integer()),
    path: Type.String({ description: 'Field path, e.g. spec.http[0].route; empty for the whole resource' }),
    message: Type.String(),
  },
  { description: 'What is wrong, and where' },
);
export type ApiProblem = Static<typeof problemSchema>;

/** Every error body. */
export const errorSchema = Type.Object({
  code: Type.String({
    description:
      'invalid, conflict, not-found, unavailable, corrupt, exhausted, unauthenticated, forbidden or internal',
  }),
  message: Type.String(),
  problems: Type.Array(problemSchema),
});
export type ApiError = Static<typeof errorSchema>;

/** A configuration resource as its user writes it, in JSON. Its own fields are checked by its kind's schema. */
export const manifestSchema = Type.Object(
  {
    apiVersion: Type.String(),
    kind: Type.String(),
    metadata: Type.Object({ name: Type.String(), namespace: optional(Type.String()) }, { additionalProperties: true }),
  },
  { additionalProperties: true, description: 'A resource as written in YAML: apiVersion, kind, metadata, spec' },
);

/** Names one configuration resource. */
export const resourceRefSchema = Type.Object(
  { kind: Type.String(), namespace: Type.String(), name: Type.String() },
  { additionalProperties: false },
);
export type ApiResourceRef = Static<typeof resourceRefSchema>;

const actor = optional(Type.String({ description: 'Who asks, e.g. user:anna', maxLength: 200 }));
const dryRun = optional(Type.Boolean({ description: 'Decide and report, but append nothing' }));

/** Body of POST /api/v1/apply. */
export const applyRequestSchema = Type.Object(
  { resources: Type.Array(manifestSchema, { minItems: 1 }), dryRun, actor },
  { additionalProperties: false },
);
export type ApplyRequest = Static<typeof applyRequestSchema>;

/** Body of POST /api/v1/delete. */
export const deleteRequestSchema = Type.Object(
  {
    resources: Type.Array(resourceRefSchema, { minItems: 1 }),
    dryRun,
    actor,
    ignoreNotFound: optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export type DeleteRequest = Static<typeof deleteRequestSchema>;

/** What became of one resource. */
export const resultSchema = Type.Object({
  kind: Type.String(),
  namespace: Type.String(),
  name: Type.String(),
  action: Type.Union([
    Type.Literal('created'),
    Type.Literal('configured'),
    Type.Literal('unchanged'),
    Type.Literal('deleted'),
  ]),
});
export type ApiResult = Static<typeof resultSchema>;

/** Answer to apply and delete. */
export const changeResponseSchema = Type.Object({
  position: Type.Integer({
    description: 'Position of the log that holds the change; wait for it to know that proxies have it',
  }),
  dryRun: Type.Boolean(),
  results: Type.Array(resultSchema),
  warnings: Type.Array(problemSchema),
});
export type ChangeResponse = Static<typeof changeResponseSchema>;

/** Query parameter that names a moment. */
export const atQuery = Type.Object(
  { at: optional(Type.String({ description: 'WHEN: a position, an RFC 3339 time, or -15m' })) },
  { additionalProperties: false },
);

/** Which configuration resources are wanted. */
export const configQuery = Type.Object(
  {
    kind: optional(Type.String()),
    namespace: optional(Type.String()),
    name: optional(Type.String()),
    at: optional(Type.String()),
  },
  { additionalProperties: false },
);

/** Which registry entries are wanted. */
export const registryQuery = Type.Object(
  { namespace: optional(Type.String()), name: optional(Type.String()), at: optional(Type.String()) },
  { additionalProperties: false },
);

/** A list as of a position. */
export interface ListResponse<Item> {
  readonly position: number;
  readonly items: readonly Item[];
}

/** JSON Schema of a ListResponse. */
export const listSchema = Type.Object({ position: Type.Integer(), items: Type.Array(Type.Unknown()) });

/** Which events are wanted, from which log. */
export const eventsQuery = Type.Object(
  {
    log: optional(Type.Union([Type.Literal('facts'), Type.Literal('deliveries')])),
    subject: optional(Type.String({ description: 'A subject, or a prefix of it up to a /' })),
    type: optional(
      Type.String({ description: 'Event types, separated by commas; the io.periplus. prefix may be left out' }),
    ),
    from: optional(Type.String({ description: 'WHEN of the first event' })),
    to: optional(Type.String({ description: 'WHEN of the last event' })),
    limit: optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    reverse: optional(Type.Boolean({ description: 'Newest first' })),
    follow: optional(Type.Boolean({ description: 'Stream as server-sent events; resumes after Last-Event-ID' })),
  },
  { additionalProperties: false },
);
export type EventsQuery = Static<typeof eventsQuery>;

/** How far one proxy is for one xDS type. */
export const typeStatusSchema = Type.Object({
  type: Type.String({ description: 'CDS, LDS, EDS, RDS, SDS or ECDS' }),
  state: Type.Union([Type.Literal('SYNCED'), Type.Literal('STALE'), Type.Literal('ERROR'), Type.Literal('NOT SENT')]),
  sentPosition: optional(Type.Integer()),
  ackedPosition: optional(Type.Integer()),
  error: optional(Type.String()),
  rejectedPosition: optional(Type.Integer()),
  rejectedResources: optional(Type.Array(Type.String(), { description: 'Resources that the proxy refuses' })),
  rejectedBecause: optional(
    Type.Array(
      Type.Object({ position: Type.Integer(), id: Type.String(), type: Type.String(), subject: Type.String() }),
      { description: 'Facts that gave these resources the content that is refused' },
    ),
  ),
});
export type TypeStatus = Static<typeof typeStatusSchema>;

/** One proxy as `proxy-status` shows it. */
export const proxyStatusSchema = Type.Object({
  id: Type.String({ description: "Envoy's node id" }),
  name: Type.String({ description: 'NAME.NAMESPACE' }),
  namespace: Type.String(),
  type: Type.String({ description: 'sidecar or router' }),
  connected: Type.Boolean(),
  connectedAt: optional(Type.String()),
  disconnectedAt: optional(Type.String()),
  pilot: Type.String(),
  protocol: Type.String(),
  version: Type.String({ description: "The proxy's user agent and version" }),
  peer: Type.String(),
  position: Type.Integer({ description: 'Newest facts position it acknowledged' }),
  types: Type.Array(typeStatusSchema),
});
export type ProxyStatus = Static<typeof proxyStatusSchema>;

/** Progress of a wait, the data of its server-sent `progress`, `done`, `rejected` and `timeout` events. */
export interface WaitProgress {
  readonly position: number;
  readonly acked: number;
  readonly total: number;
  /** Names of proxies that do not hold the position yet; at most 20. */
  readonly laggards: readonly string[];
  /** Set on `rejected`: which proxy refused what, and why. */
  readonly error?: string;
}
