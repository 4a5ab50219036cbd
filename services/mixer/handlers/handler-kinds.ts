// Every kind of handler that is built in, and how a third party's npm module is loaded.
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import type { HandlerRef } from '../../../mesh/policy/rules.ts';
import { denier } from './denier.ts';
import type { HandlerKind } from './handler.ts';
import { memquota } from './memquota.ts';
import type { Exposition } from './prometheus.ts';
import { reportHandlers } from './report-handlers.ts';

/** Kinds by the adapter's name. */
export type HandlerKinds = ReadonlyMap<string, HandlerKind>;

/**
 * The built-in kinds; Prometheus's handlers show their metrics on `exposition`. Parameters were checked against the adapter's
 * schema, so the map may forget their type.
 */
export function builtInKinds(exposition: Exposition): HandlerKinds {
  return new Map([denier, memquota, ...reportHandlers(exposition)].map((kind) => [kind.name, kind as HandlerKind]));
}

/** The kind of a handler. Rejects with MeshError `not-found` or `invalid` that says what to do. */
export async function kindOf({ adapter, module, name }: HandlerRef, builtIn: HandlerKinds): Promise<HandlerKind> {
  if (module === undefined) {
    const kind = builtIn.get(adapter);
    if (kind !== undefined) return kind;
    throw new MeshError('not-found', `handler ${name}: this version does not run the adapter ${adapter}`);
  }
  let loaded: { readonly default?: Partial<HandlerKind> };
  try {
    loaded = (await import(module)) as typeof loaded;
  } catch (error) {
    const what = `handler ${name}: the module ${module} can't be loaded: ${messageOf(error)}`;
    throw new MeshError('not-found', `${what}; install it beside Periplus`, { cause: error });
  }
  const kind = loaded.default;
  if (typeof kind?.create === 'function' && Array.isArray(kind.templates)) return kind as HandlerKind;
  throw new MeshError(
    'invalid',
    `handler ${name}: the default export of ${module} is no handler kind (name, templates, create)`,
  );
}
