// Findings across resources, as `istioctl analyze` has them (istio.io/latest/docs/reference/config/analysis): pure, on one snapshot.
import type { Snapshot } from '../snapshot.ts';
import { analyzeAnnotations } from './analyze/annotations.ts';
import { analyzeClaims } from './analyze/claims.ts';
import { analyzeDeployments } from './analyze/deployments.ts';
import { analyzeDestinationRules } from './analyze/destination-rules.ts';
import { analyzeEnvoyFilters } from './analyze/envoy-filters.ts';
import { analyzeGateways } from './analyze/gateways.ts';
import { indexOf } from './analyze/mesh-index.ts';
import { analyzeSelectors } from './analyze/selectors.ts';
import { analyzeServiceEntries } from './analyze/service-entries.ts';
import { analyzeServices } from './analyze/services.ts';
import { nothingShown, type ShownObjects } from './analyze/shown-objects.ts';
import { analyzeTelemetries } from './analyze/telemetries.ts';
import { analyzeVirtualServices } from './analyze/virtual-services.ts';
import type { Problem } from './problem.ts';

/**
 * Everything that is valid by itself but does not fit together, as warnings with istioctl's codes; ordered by resource, then path.
 * Conflicts are told to each of the objects, and name the one that wins. What
 * `galley.istio.io/analyze-suppress` of a resource names is left out. `shown`: Kubernetes objects of files that the registry does not hold.
 */
export function analyze(snapshot: Snapshot, shown: ShownObjects = nothingShown): readonly Problem[] {
  const index = indexOf(snapshot, shown);
  const problems = [
    ...analyzeVirtualServices(index),
    ...analyzeGateways(index),
    ...analyzeDestinationRules(index),
    ...analyzeServiceEntries(index),
    ...analyzeSelectors(index),
    ...analyzeEnvoyFilters(index),
    ...analyzeClaims(index),
    ...analyzeTelemetries(index),
    ...analyzeServices(index),
    ...analyzeDeployments(index),
    ...analyzeAnnotations(index),
  ];
  const quiet = suppressedOnObjects(snapshot, shown);
  const heard = problems.filter((problem) => !isSuppressed(problem, snapshot, quiet));
  const order = (problem: Problem) =>
    `${problem.resource}\u0000${problem.path}\u0000${problem.code}\u0000${problem.message}`;
  return heard
    .map((problem) => [order(problem), problem] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, problem]) => problem);
}

/** istioctl's annotation: codes that are not to be reported of a resource, separated by commas, or `*`. */
const suppressing = 'galley.istio.io/analyze-suppress';

/** By `KIND/NAMESPACE/NAME`, of Kubernetes objects that have the annotation. */
function suppressedOnObjects({ registry }: Snapshot, shown: ShownObjects): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { kind, namespace, name, metadata } of [...shown.pods, ...shown.deployments, ...shown.namespaces]) {
    const codes = metadata.annotations?.[suppressing];
    if (codes !== undefined) found.set(`${kind}/${namespace}/${name}`, codes);
  }
  for (const { namespace, name, annotations } of registry.services.values()) {
    const codes = annotations?.[suppressing];
    if (codes !== undefined) found.set(`Service/${namespace}/${name}`, codes);
  }
  return found;
}

function isSuppressed(
  { resource = '', code = '' }: Problem,
  { config }: Snapshot,
  services: ReadonlyMap<string, string>,
) {
  const [kind = '', namespace = '', name = ''] = resource.split('/');
  const text = services.get(resource) ?? config.get(kind, namespace, name)?.annotations?.[suppressing];
  const codes = text?.split(',') ?? [];
  return codes.some((one) => one.trim() === '*' || one.trim() === code);
}
