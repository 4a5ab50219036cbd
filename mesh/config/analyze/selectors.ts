// Sidecars that claim the same workloads.
import type { ConfigResource } from '../../../events/model.ts';
import type { Problem } from '../problem.ts';
import type { SidecarSpec } from '../schemas/sidecar.ts';
import { finding, groupBy, type MeshIndex, nameOf } from './mesh-index.ts';

type Sidecar = ConfigResource<SidecarSpec>;

/** IST0110 and IST0111. */
export function analyzeSelectors(index: MeshIndex): readonly Problem[] {
  const sidecars = index.snapshot.config.list<SidecarSpec>('Sidecar');
  const hasSelector = (sidecar: Sidecar) => Object.keys(sidecar.spec.workloadSelector?.labels ?? {}).length > 0;
  return [
    ...duplicateDefaults(sidecars.filter((sidecar) => !hasSelector(sidecar))),
    ...sharedWorkloads(sidecars.filter(hasSelector), index),
  ];
}

function duplicateDefaults(sidecars: readonly Sidecar[]): readonly Problem[] {
  return [...groupBy(sidecars, (sidecar) => sidecar.namespace).values()].flatMap(([winner, ...others]) =>
    others.map((sidecar) =>
      finding(
        sidecar,
        ['spec', 'workloadSelector'],
        'IST0111',
        `Sidecar ${nameOf(winner ?? sidecar)}, which is older, has no workloadSelector either and wins in this namespace`,
      ),
    ),
  );
}

function sharedWorkloads(sidecars: readonly Sidecar[], index: MeshIndex): readonly Problem[] {
  const problems: Problem[] = [];
  const reported = new Set<string>();
  for (const workload of index.snapshot.registry.workloads.values()) {
    const [winner, ...others] = sidecars.filter(
      (sidecar) =>
        sidecar.namespace === workload.namespace &&
        Object.entries(sidecar.spec.workloadSelector?.labels ?? {}).every(
          ([key, value]) => workload.labels[key] === value,
        ),
    );
    for (const sidecar of others) {
      if (winner === undefined || reported.has(`${nameOf(winner)} ${nameOf(sidecar)}`)) continue;
      reported.add(`${nameOf(winner)} ${nameOf(sidecar)}`);
      problems.push(
        finding(
          sidecar,
          ['spec', 'workloadSelector'],
          'IST0110',
          `Sidecar ${nameOf(winner)}, which is older, selects workload ${workload.name} too and wins`,
        ),
      );
    }
  }
  return problems;
}
