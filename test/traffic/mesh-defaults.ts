// Cases of DestinationRules and VirtualServices once more with the same settings as the mesh's defaults.
import type { DestinationRuleSpec, TrafficPolicy } from '../../mesh/config/schemas/destination-rule.ts';
import type { MeshConfigSpec } from '../../mesh/config/schemas/mesh-config.ts';
import type { VirtualServiceSpec } from '../../mesh/config/schemas/virtual-service.ts';
import type { TrafficCase } from './case.ts';
import { type Manifest, meshConfig } from './resources.ts';

/** Where MeshConfig has what a rule's field says. */
const places: readonly (readonly [inRule: string, inMesh: string])[] = [
  ['DestinationRule.trafficPolicy.connectionPool.', 'MeshConfig.defaultTrafficPolicy.connectionPool.'],
  ['DestinationRule.trafficPolicy.outlierDetection.', 'MeshConfig.defaultTrafficPolicy.outlierDetection.'],
  ['DestinationRule.trafficPolicy.loadBalancer.localityLbSetting.', 'MeshConfig.localityLbSetting.'],
  ['DestinationRule.trafficPolicy.loadBalancer.zoneAwareLbSetting.', 'MeshConfig.zoneAwareLbSetting.'],
  ['VirtualService.http.retries.', 'MeshConfig.defaultHttpRetryPolicy.'],
];

/** Each of `cases` that proves nothing but fields with a default in MeshConfig; not those named in `except`. */
export function asMeshDefaults(cases: readonly TrafficCase[], except: readonly string[]): TrafficCase[] {
  return cases
    .filter(({ name, proves }) => !except.includes(name) && proves.length > 0)
    .flatMap((one) => {
      const proves = one.proves.map(inMesh);
      return proves.every((field) => field !== undefined) ? [moved(one, proves)] : [];
    });
}

function inMesh(field: string): string | undefined {
  const place = places.find(([inRule]) => field.startsWith(inRule));
  return place && place[1] + field.slice(place[0].length);
}

function moved(one: TrafficCase, proves: readonly string[]): TrafficCase {
  const { resources, later } = one;
  return {
    ...one,
    name: `${one.name} (mesh)`,
    proves,
    ...(resources && { resources: (place) => movedAll(resources(place)) }),
    ...(later && { later: (place) => movedAll(later(place)) }),
  };
}

function movedAll(manifests: readonly Manifest[]): Manifest[] {
  const mesh: Mutable = {};
  // What a case sets of the mesh itself stands beside it.
  for (const { kind, data } of manifests) if (kind === 'ConfigMap') Object.assign(mesh, JSON.parse(data?.mesh ?? '{}'));
  const others = manifests.filter(({ kind }) => kind !== 'ConfigMap');
  const rest = others.map((manifest) => {
    if (manifest.kind === 'DestinationRule') return withoutPolicy(manifest, mesh);
    return manifest.kind === 'VirtualService' ? withoutRetries(manifest, mesh) : manifest;
  });
  return [meshConfig(mesh), ...rest];
}

type Mutable = { -readonly [K in keyof MeshConfigSpec]: MeshConfigSpec[K] };

function withoutPolicy(manifest: Manifest, mesh: Mutable): Manifest {
  const { trafficPolicy = {}, ...spec } = manifest.spec as DestinationRuleSpec;
  const { connectionPool, outlierDetection, loadBalancer, ...rest } = trafficPolicy;
  if (connectionPool || outlierDetection) {
    mesh.defaultTrafficPolicy = {
      ...(connectionPool && { connectionPool }),
      ...(outlierDetection && { outlierDetection }),
    };
  }
  const { localityLbSetting, zoneAwareLbSetting, ...balancer } = loadBalancer ?? {};
  if (localityLbSetting) mesh.localityLbSetting = localityLbSetting;
  if (zoneAwareLbSetting) mesh.zoneAwareLbSetting = zoneAwareLbSetting;
  const hasBalancer = Object.keys(balancer).length > 0;
  const policy: TrafficPolicy = { ...rest, ...(hasBalancer && { loadBalancer: balancer }) };
  return { ...manifest, spec: { ...spec, ...(Object.keys(policy).length > 0 && { trafficPolicy: policy }) } };
}

/** The first rule's retries become the default; other rules keep theirs. */
function withoutRetries(manifest: Manifest, mesh: Mutable): Manifest {
  const spec = manifest.spec as VirtualServiceSpec;
  const [first, ...others] = spec.http ?? [];
  // `attempts: 0` is how outlier cases have no retries: it is no setting of theirs.
  if (first?.retries === undefined || first.retries.attempts === 0) return manifest;
  const { retries, ...rule } = first;
  mesh.defaultHttpRetryPolicy = retries;
  return { ...manifest, spec: { ...spec, http: [rule, ...others] } };
}
