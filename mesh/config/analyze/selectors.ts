// Sidecars and Telemetries that claim the same workloads, and policies for workloads that are not there.
import type { ConfigResource } from '../../../events/model.ts';
import type { Problem } from '../problem.ts';
import type { AuthorizationPolicySpec } from '../schemas/authorization-policy.ts';
import type { GatewaySpec } from '../schemas/gateway.ts';
import type { SidecarSpec } from '../schemas/sidecar.ts';
import type { TelemetrySpec } from '../schemas/telemetry.ts';
import { finding, groupBy, hasLabels, type KnownWorkload, type MeshIndex, selectorText, wins } from './mesh-index.ts';
import { isInMesh, templateOfPod } from './pod-template.ts';
import type { ShownObject } from './shown-objects.ts';

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

/** IST0110 and IST0111 (Sidecars), IST0159 and IST0160 (Telemetries), IST0127 (AuthorizationPolicies), IST0101 (what none of them finds). */
export function analyzeSelectors(index: MeshIndex): readonly Problem[] {
  return [
    ...conflicts(sidecars, index),
    ...conflicts(telemetries, index),
    ...policiesForNobody(index),
    ...policiesForNoNamespace(index),
    ...selectorsOfNobody(index),
  ];
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
  return [...groupBy(all, ({ namespace }) => namespace).values()].flatMap((group) => {
    const [winner] = group;
    if (winner === undefined || group.length < 2) return [];
    const names = group.map(({ name }) => name).join(' ');
    const message = `The ${plurals[kind] ?? kind} [${names}] in namespace ${JSON.stringify(winner.namespace)} have no workload selector, which can lead to undefined behavior. ${wins(winner)}`;
    return group.map((one) => finding(one, ['spec', field], codes.defaults, message));
  });
}

const plurals: Readonly<Record<string, string>> = { Sidecar: 'Sidecars', Telemetry: 'Telemetries' };

function sharedWorkloads<Spec>(
  all: readonly ConfigResource<Spec>[],
  { kind, field, labelsOf, codes }: Claims<Spec>,
  index: MeshIndex,
): readonly Problem[] {
  const problems: Problem[] = [];
  const reported = new Set<string>();
  for (const workload of index.workloads()) {
    const claiming = all.filter(
      ({ namespace, spec }) => namespace === workload.namespace && hasLabels(workload.labels, labelsOf(spec)),
    );
    const [winner] = claiming;
    const names = claiming.map(({ name }) => name).join(' ');
    if (winner === undefined || claiming.length < 2 || reported.has(`${winner.namespace} ${names}`)) continue;
    reported.add(`${winner.namespace} ${names}`);
    const message = `The ${plurals[kind] ?? kind} [${names}] in namespace ${JSON.stringify(winner.namespace)} select the same workload pod ${JSON.stringify(workload.name)}, which can lead to undefined behavior. ${wins(winner)}`;
    for (const one of claiming) problems.push(finding(one, ['spec', field], codes.shared, message));
  }
  return problems;
}

/**
 * IST0101: Sidecars, Telemetries and Gateways for workloads that are not there, where workloads of the namespace (of the mesh) are known
 * at all. Pods that files show are all that there are.
 */
function selectorsOfNobody(index: MeshIndex): readonly Problem[] {
  const workloads = index.workloads();
  const { config, registry } = index.snapshot;
  const showsPods = index.shown.isComplete || index.shown.pods.length > 0;
  // Elsewhere a gateway's proxy need not be a workload that a platform tells of.
  const isKubernetes = showsPods || [...registry.workloads.values()].some(({ platform }) => platform === 'kubernetes');
  const missing = (
    one: ConfigResource,
    field: string,
    labels: Readonly<Record<string, string>>,
    namespace?: string,
  ) => {
    const known =
      namespace === undefined ? workloads : workloads.filter((workload) => workload.namespace === namespace);
    const isThere = known.some((workload) => hasLabels(workload.labels, labels));
    if (Object.keys(labels).length === 0 || (known.length === 0 && !showsPods) || isThere) return [];
    const message = `Referenced selector not found: ${JSON.stringify(selectorText(labels))}`;
    return [finding(one, ['spec', field], 'IST0101', message)];
  };
  return [
    ...config
      .list<SidecarSpec>('Sidecar')
      .flatMap((one) => missing(one, 'workloadSelector', one.spec.workloadSelector?.labels ?? {}, one.namespace)),
    ...config
      .list<TelemetrySpec>('Telemetry')
      .flatMap((one) => missing(one, 'selector', one.spec.selector?.matchLabels ?? {}, one.namespace)),
    ...(isKubernetes
      ? config.list<GatewaySpec>('Gateway').flatMap((one) => missing(one, 'selector', one.spec.selector ?? {}))
      : []),
  ];
}

/** Only where workloads are known at all: what no platform has told of may still be there. */
function policiesForNobody(index: MeshIndex): readonly Problem[] {
  const { config, mesh } = index.snapshot;
  const workloads = withProxies(index);
  if (workloads.length === 0 && !index.shown.isComplete) return [];
  return config.list<AuthorizationPolicySpec>('AuthorizationPolicy').flatMap((policy) => {
    const labels = policy.spec.selector?.matchLabels ?? {};
    const isForMesh = policy.namespace === mesh.rootNamespace;
    if (hasTarget(policy.spec) || (isForMesh && Object.keys(labels).length === 0)) return [];
    const isFor = (workload: KnownWorkload) =>
      (isForMesh || workload.namespace === policy.namespace) && hasLabels(workload.labels, labels);
    if (workloads.some(isFor)) return [];
    const message = `No matching workloads for this resource with the following labels: ${selectorText(labels)}`;
    return [finding(policy, ['spec', 'selector'], 'IST0127', message)];
  });
}

/** Workloads that a policy may be for: where files show all that there is, Pods without a proxy are none. */
function withProxies(index: MeshIndex): readonly KnownWorkload[] {
  const { shown } = index;
  if (!shown.isComplete) return index.workloads();
  const without = shown.pods.filter((pod) => !isInMesh(templateOfPod(pod), shown) && !isAmbient(pod));
  const names = new Set(without.map(({ namespace, name }) => `${namespace}/${name}`));
  return index.workloads().filter(({ namespace, name }) => !names.has(`${namespace}/${name}`));
}

/** Whether Istio's ambient mode takes a Pod's traffic. */
function isAmbient({ metadata }: ShownObject): boolean {
  return metadata.annotations?.['ambient.istio.io/redirection'] === 'enabled';
}

/** IST0101: namespaces of sources that are not there, where files show namespaces. */
function policiesForNoNamespace({ snapshot: { config }, shown }: MeshIndex): readonly Problem[] {
  if (shown.namespaces.length === 0 && !shown.isComplete) return [];
  const isThere = (pattern: string) => shown.namespaces.some(({ name }) => matchesNamespace(name, pattern));
  return config.list<AuthorizationPolicySpec>('AuthorizationPolicy').flatMap((policy) =>
    (policy.spec.rules ?? []).flatMap(({ from = [] }, i) =>
      from.flatMap(({ source }, j) =>
        (['namespaces', 'notNamespaces'] as const).flatMap((field) =>
          (source?.[field] ?? []).flatMap((namespace, k) => {
            if (isThere(namespace)) return [];
            const path = ['spec', 'rules', i, 'from', j, 'source', field, k];
            return [finding(policy, path, 'IST0101', `Referenced namespace not found: ${JSON.stringify(namespace)}`)];
          }),
        ),
      ),
    ),
  );
}

/** `*`, `*-suffix`, `prefix-*` or a name, in any case of letters, as istioctl compares them. */
function matchesNamespace(name: string, pattern: string): boolean {
  if (pattern.startsWith('*')) return name.endsWith(pattern.slice(1));
  if (pattern.endsWith('*')) return name.startsWith(pattern.slice(0, -1));
  return name.toLowerCase() === pattern.toLowerCase();
}
