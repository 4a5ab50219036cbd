// Patches of EnvoyFilters, as cases write them.
import type { CaseMesh } from './case.ts';
import { envoyFilter, type Manifest } from './resources.ts';

/** One patch. */
export type Patch = NonNullable<Parameters<typeof envoyFilter>[1]['configPatches']>[number];
type ApplyTo = NonNullable<Patch['applyTo']>;
type Operation = NonNullable<NonNullable<Patch['patch']>['operation']>;

/** Path of the patches. */
export const patches = 'EnvoyFilter.configPatches';
/** A message with its type. */
export const any = (type: string, fields: object = {}) => ({ '@type': `type.googleapis.com/${type}`, ...fields });
/** A patch of what clients of this sidecar meet. */
export function patch(applyTo: ApplyTo, operation: Operation, match: Patch['match'], value?: object): Patch {
  return {
    applyTo,
    match: { context: 'SIDECAR_OUTBOUND', ...match },
    patch: { operation, ...(value && { value: value as Record<string, unknown> }) },
  };
}
/** An EnvoyFilter of these patches. */
export const filter = (...configPatches: readonly Patch[]): Manifest =>
  envoyFilter('operations', { configPatches: [...configPatches] });
/** Of a request to the sidecar. */
export const status = async (mesh: Pick<CaseMesh, 'get'>, path: string, host?: string) =>
  (await mesh.get(path, host === undefined ? {} : { host })).status;
