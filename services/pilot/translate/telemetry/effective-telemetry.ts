// What the Telemetries of a proxy say of tracing, for its client or its server side (istio.io/latest/docs/reference/config/telemetry/#Tracing). Pure.
import type { MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { TelemetrySpec, Tracing } from '../../../../mesh/config/schemas/telemetry.ts';
import { bootstrapTracer, providerName } from './providers.ts';

/** Traffic that a workload sends, or that it receives. Gateways report as clients. */
export type Side = 'CLIENT' | 'SERVER';

/** Tracing, merged field by field. */
export type TracingChoice = Omit<Tracing, 'match' | 'providers'> & { readonly provider: string | undefined };

/**
 * Tracing of the side, all entries from the widest to the narrowest: undefined where no provider is named. Where neither a Telemetry nor
 * the mesh's default provider speaks of it, it is the ProxyConfig's, unless the mesh's `enableTracing` is off.
 */
export function tracingChoice(
  specs: readonly TelemetrySpec[],
  side: Side,
  mesh: MeshConfig,
): TracingChoice | undefined {
  const named = (name: string | undefined) => (name === undefined ? undefined : providerName(name, mesh));
  const entries = specs.flatMap((spec) => spec.tracing ?? []);
  if (entries.length === 0 && !mesh.defaultProviders?.tracing?.length) return ofProxyConfig(mesh);
  let merged: TracingChoice = { provider: named(mesh.defaultProviders?.tracing?.[0]) };
  for (const tracing of entries) {
    if (!isFor(tracing, side)) continue;
    const { match: _, providers, ...fields } = tracing;
    merged = { ...merged, ...fields, provider: named(providers?.[0]?.name) ?? merged.provider };
  }
  return merged.provider === undefined ? undefined : merged;
}

function ofProxyConfig({ tracing, enableTracing }: MeshConfig): TracingChoice | undefined {
  if (!tracing?.zipkin?.address || enableTracing === false) return undefined;
  const { enableIstioTags } = tracing;
  return { provider: bootstrapTracer, ...(enableIstioTags === undefined ? {} : { enableIstioTags }) };
}

/** Whether an entry of a Telemetry, by its match's mode, is for the side. */
export function isFor({ match }: { readonly match?: { readonly mode?: string } }, side: Side): boolean {
  const mode = match?.mode ?? 'CLIENT_AND_SERVER';
  return mode === 'CLIENT_AND_SERVER' || mode === side;
}
