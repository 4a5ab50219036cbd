// Telemetries that ask for access logs and say not from whom.
import type { Problem } from '../problem.ts';
import type { TelemetrySpec } from '../schemas/telemetry.ts';
import { finding, type MeshIndex } from './mesh-index.ts';

/** IST0157: no provider is named, and the mesh has no default one. */
export function analyzeTelemetries(index: MeshIndex): readonly Problem[] {
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
