// Telemetries that ask for access logs and say not from whom, or for spans at a provider that is no more.
import type { Problem } from '../problem.ts';
import type { TelemetrySpec } from '../schemas/telemetry.ts';
import { finding, type MeshIndex } from './mesh-index.ts';

/** IST0002 and IST0157. */
export function analyzeTelemetries(index: MeshIndex): readonly Problem[] {
  return [...deprecatedProviders(index), ...withoutProviders(index)];
}

function deprecatedProviders({ snapshot: { config, mesh } }: MeshIndex): readonly Problem[] {
  const lightstep = (mesh.extensionProviders ?? []).filter((provider) => 'lightstep' in provider);
  return config.list<TelemetrySpec>('Telemetry').flatMap((telemetry) =>
    (telemetry.spec.tracing ?? []).flatMap(({ providers = [] }, i) =>
      providers.flatMap(({ name }, j) => {
        if (!lightstep.some((provider) => provider.name === name)) return [];
        const message = `Deprecated: The Lightstep provider ${name} is deprecated, please migrate to OpenTelemetry provider.`;
        return [finding(telemetry, ['spec', 'tracing', i, 'providers', j], 'IST0002', message)];
      }),
    ),
  );
}

/** IST0157: no provider is named, and the mesh has no default one. */
function withoutProviders(index: MeshIndex): readonly Problem[] {
  const { config, mesh } = index.snapshot;
  if (mesh.defaultProviders?.accessLogging?.length) return [];
  return config
    .list<TelemetrySpec>('Telemetry')
    .flatMap((telemetry) =>
      (telemetry.spec.accessLogging ?? []).flatMap(({ disabled, providers }, i) =>
        disabled === true || providers?.length
          ? []
          : [
              finding(
                telemetry,
                ['spec', 'accessLogging', i, 'providers'],
                'IST0157',
                `The Telemetry ${telemetry.name} in namespace ${JSON.stringify(telemetry.namespace)} with empty providers will be ignored.`,
              ),
            ],
      ),
    );
}
