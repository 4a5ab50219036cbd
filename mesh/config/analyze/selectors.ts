// Sidecars and Telemetries that claim the same workloads, and policies for workloads that are not there.
import type { ConfigResource } from '../../../events/model.ts';
import type { Problem } from '../problem.ts';
import type { AuthorizationPolicySpec } from '../schemas/authorization-policy.ts';
import type { SidecarSpec } from '../schemas/sidecar.ts';
import type { TelemetrySpec } from '../schemas/telemetry.ts';
import { finding, groupBy, hasLabels, type KnownWorkload, type MeshIndex, nameOf } from './mesh-index.ts';

/** A kind of which one resource holds for a workload. */
interface Claims<Spec> {
  readonly kind: string;
  readonly field: string;
  readonly labelsOf: (spec: Spec) => Readonly<Record<string, string>>;
  /** Codes of two without a selector in a namespace, and of two that select one workload. */
  readonly codes: { readonly defaults: string; readonly shared: string };
}

const sidecars: Claims<SidecarSpec> = {
  kind: 'Sidecar',
  field: 'workloadSelector',
  labelsOf: ({ workloadSelector }) => workloadSelector?.labels ?? {},
  codes: { defaults: 'IST0111', shared: 'IST0110' },
};
const telemetries: Claims<TelemetrySpec> = {
  kind: 'Telemetry',
  field: 'selector',
  labelsOf: ({ selector }) => selector?.matchLabels ?? {},
  codes: { defaults: 'IST0160', shared: 'IST0159' },
};

/** IST0110 and IST0111 (Sidecars), IST0159 and IST0160 (Telemetries), IST0127 (AuthorizationPolicies). */
export function analyzeSelectors(index: MeshIndex): readonly Problem[] {
  return [...conflicts(sidecars, index), ...conflicts(telemetries, index), ...policiesForNobody(index)];
}

function conflicts<Spec>(claims: Claims<Spec>, index: MeshIndex): readonly Problem[] {
  const all = index.snapshot.config.list<Spec>(claims.kind);
  const hasSelector = ({ spec }: ConfigResource<Spec>) => Object.keys(claims.labelsOf(spec)).length > 0;
  return [
    ...duplicateDefaults(
      // Those for a Gateway API's gateway have a target instead.
      all.filter((one) => !hasSelector(one) && !hasTarget(one.spec)),
      claims,
    ),
    ...sharedWorkloads(all.filter(hasSelector), claims, index),
  ];
}

function hasTarget(spec: unknown): boolean {
  const { targetRef, targetRefs } = spec as TelemetrySpec;
  return targetRef !== undefined || (targetRefs?.length ?? 0) > 0;
}

function duplicateDefaults<Spec>(
  all: readonly ConfigResource<Spec>[],
  { kind, field, codes }: Claims<Spec>,
): readonly Problem[] {
  return [...groupBy(all, ({ namespace }) => namespace).values()].flatMap(([winner, ...others]) =>
    others.map((one) =>
      finding(
        one,
        ['spec', field],
        codes.defaults,
        `${kind} ${nameOf(winner ?? one)}, which is older, has no ${field} either and wins in this namespace`,
      ),
    ),
  );
}

function sharedWorkloads<Spec>(
  all: readonly ConfigResource<Spec>[],
  { kind, field, labelsOf, codes }: Claims<Spec>,
  index: MeshIndex,
): readonly Problem[] {
  const problems: Problem[] = [];
  const reported = new Set<string>();
  for (const workload of index.workloads()) {
    const [winner, ...others] = all.filter(
      ({ namespace, spec }) => namespace === workload.namespace && hasLabels(workload.labels, labelsOf(spec)),
    );
    for (const one of others) {
      if (winner === undefined || reported.has(`${nameOf(winner)} ${nameOf(one)}`)) continue;
      reported.add(`${nameOf(winner)} ${nameOf(one)}`);
      problems.push(
        finding(
          one,
          ['spec', field],
          codes.shared,
          `${kind} ${nameOf(winner)}, which is older, selects workload ${workload.name} too and wins`,
        ),
      );
    }
  }
  return problems;
}

/** Only where workloads are known at all: what no platform has told of may still be there. */
function policiesForNobody(index: MeshIndex): readonly Problem[] {
  const { config, mesh } = index.snapshot;
  const workloads = index.workloads();
  if (workloads.length === 0) return [];
  return config.list<AuthorizationPolicySpec>('AuthorizationPolicy').flatMap((policy) => {
    const labels = policy.spec.selector?.matchLabels ?? {};
    const isForMesh = policy.namespace === mesh.rootNamespace;
    if (hasTarget(policy.spec) || (isForMesh && Object.keys(labels).length === 0)) return [];
    const isFor = (workload: KnownWorkload) =>
      (isForMesh || workload.namespace === policy.namespace) && hasLabels(workload.labels, labels);
    if (workloads.some(isFor)) return [];
    const place = isForMesh ? 'the mesh' : `namespace ${policy.namespace}`;
    return [finding(policy, ['spec', 'selector'], 'IST0127', `no workload of ${place} is selected`)];
  });
}
