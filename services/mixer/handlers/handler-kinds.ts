// Every kind of handler that is built in, and the kind that a third party's npm module is.
import { MeshError } from '../../../lib/mesh-error.ts';
import type { HandlerRef } from '../../../mesh/policy/rules.ts';
import { denier } from './denier.ts';
import type { EventWriter } from './eventlog.ts';
import type { HandlerKind } from './handler.ts';
import { listchecker } from './listchecker.ts';
import { memquota } from './memquota.ts';
import { moduleHandler } from './module/module-handler.ts';
import { opa } from './opa.ts';
import type { Exposition } from './prometheus.ts';
import { redisquota } from './redisquota.ts';
import { reportHandlers } from './report-handlers.ts';

/** Kinds by the adapter's name. */
export type HandlerKinds = ReadonlyMap<string, HandlerKind>;

/**
 * The built-in kinds; Prometheus's handlers show their metrics on `exposition`, eventlog's write to `events`. Parameters were checked against the adapter's
 * schema, so the map may forget their type.
 */
export function builtInKinds(exposition: Exposition, events: EventWriter): HandlerKinds {
  return new Map(
    [denier, listchecker, opa, memquota, redisquota, ...reportHandlers(exposition, events)].map((kind) => [
      kind.name,
      kind as HandlerKind,
    ]),
  );
}

/** The kind of a handler. Rejects with MeshError `not-found` that says what to do. */
export async function kindOf({ adapter, module, name }: HandlerRef, builtIn: HandlerKinds): Promise<HandlerKind> {
  if (module !== undefined)
    // Its templates are what it has methods for: that is seen when it is asked.
    return { name: module, templates: [], create: (params, means) => moduleHandler({ module, params, means }) };
  const kind = builtIn.get(adapter);
  if (kind !== undefined) return kind;
  throw new MeshError('not-found', `handler ${name}: this version does not run the adapter ${adapter}`);
}
