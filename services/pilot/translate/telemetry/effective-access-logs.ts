// Which providers log the accesses of a proxy's client or server side (istio.io/latest/docs/reference/config/telemetry/#AccessLogging). Pure.
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { AccessLogging, TelemetrySpec } from '../../../../mesh/config/schemas/telemetry.ts';
import { compareNames } from '../names.ts';
import { isFor, type Side } from './effective-telemetry.ts';
import { providerName } from './providers.ts';

/** One provider's access log; `filter` is CEL. */
export interface LogChoice {
  readonly provider: string;
  readonly filter: string | undefined;
  /** A Telemetry switched it off: nothing is logged by it, nor by the mesh's `accessLogFile`. */
  readonly isDisabled: boolean;
}

/**
 * Access logs of the side, sorted by provider. Where none of them is a provider that logs, the mesh's `accessLogFile` decides. As
 * in Istio the narrowest level that names providers decides whose logs there are, entries without providers are for those of the
 * entry before, and a filter is for the providers that its own entry names.
 */
export function accessLogChoices(specs: readonly TelemetrySpec[], side: Side, mesh: MeshConfig): readonly LogChoice[] {
  const levels = specs.flatMap(({ accessLogging }) => (accessLogging?.length ? [accessLogging] : []));
  const defaults = (mesh.defaultProviders?.accessLogging ?? []).map((name) => providerName(name, mesh));
  if (levels.length === 0) return sorted(new Map(defaults.map((name) => [name, logging(name, undefined)])));
  const namesOf = ({ providers = [] }: AccessLogging) => providers.map(({ name }) => providerName(name, mesh));
  const { inScope, filters } = namedBy(levels, side, { defaults, namesOf });
  const chosen = new Map<string, LogChoice>();
  let inherited: readonly string[] = defaults;
  for (const entry of levels.flat()) {
    const named = namesOf(entry);
    inherited = named.length > 0 ? named : inherited;
    if (!isFor(entry, side)) continue;
    for (const name of inherited.filter((one) => inScope.has(one)))
      chosen.set(name, { ...logging(name, filters.get(name)), isDisabled: entry.disabled === true });
  }
  return sorted(chosen);
}

/** The providers that count, and the filter of each: that of the last entry for the side which names it. */
function namedBy(
  levels: readonly (readonly AccessLogging[])[],
  side: Side,
  {
    defaults,
    namesOf,
  }: { readonly defaults: readonly string[]; readonly namesOf: (entry: AccessLogging) => readonly string[] },
) {
  const filters = new Map<string, string | undefined>();
  let inScope = new Set(defaults);
  for (const level of levels) {
    const own = level.filter((entry) => isFor(entry, side));
    for (const entry of own) {
      for (const name of namesOf(entry)) filters.set(name, entry.filter?.expression || undefined);
    }
    const named = own.flatMap(namesOf);
    if (named.length > 0) inScope = new Set(named);
  }
  return { inScope, filters };
}

const logging = (provider: string, filter: string | undefined): LogChoice => ({ provider, filter, isDisabled: false });

function sorted(choices: ReadonlyMap<string, LogChoice>): readonly LogChoice[] {
  return [...choices.values()].sort((a, b) => compareNames(a.provider, b.provider));
}
