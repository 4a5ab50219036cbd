// Which policies apply to a workload: those of the root namespace and of its own whose selector or targetRefs take it.
import type { ConfigResource } from '../../../../events/model.ts';
import type { AuthorizationPolicySpec } from '../../../../mesh/config/schemas/authorization-policy.ts';
import type { PolicyTargetReference } from '../../../../mesh/config/schemas/destination.ts';
import type { Snapshot } from '../../../../mesh/snapshot.ts';
import { matchesLabels } from '../compute-proxy-scope.ts';
import type { ProxyContext } from '../proxy-context.ts';
import type { PolicyAction } from './policy-polarity.ts';

/** An AuthorizationPolicy. */
export type AuthorizationPolicy = ConfigResource<AuthorizationPolicySpec>;

/** What decides whether a policy is a workload's. */
export type PolicySubject = Pick<ProxyContext, 'type' | 'namespace' | 'labels'>;

interface Targeted {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly targetRef?: PolicyTargetReference;
  readonly targetRefs?: readonly PolicyTargetReference[];
}

/** Resources of a security kind that apply, oldest first (istio.io/latest/docs/concepts/security/#policy-target). */
export function policiesOf<Spec extends Targeted>(
  snapshot: Snapshot,
  kind: 'AuthorizationPolicy' | 'RequestAuthentication' | 'PeerAuthentication' | 'Telemetry',
  subject: PolicySubject,
): readonly ConfigResource<Spec>[] {
  const { rootNamespace } = snapshot.mesh;
  return snapshot.config.list<Spec>(kind).filter(({ namespace, spec }) => {
    if (namespace !== rootNamespace && namespace !== subject.namespace) return false;
    const refs = [...(spec.targetRef ? [spec.targetRef] : []), ...(spec.targetRefs ?? [])];
    if (refs.length > 0) return namespace === subject.namespace && refs.some((ref) => isTarget(ref, subject));
    return matchesLabels(spec.selector?.matchLabels ?? {}, subject.labels);
  });
}

/** Label by which a gateway's pods name the Gateway that they are (gateway-api.sigs.k8s.io/geps/gep-1762). */
const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

/** Services, ServiceEntries and GatewayClasses are waypoints', which Periplus does not have. */
function isTarget({ group, kind, name }: PolicyTargetReference, { type, labels }: PolicySubject): boolean {
  return (
    type === 'router' &&
    group === 'gateway.networking.k8s.io' &&
    kind === 'Gateway' &&
    labels[gatewayNameLabel] === name
  );
}

/** The action of a policy; ALLOW where it says nothing. */
export function actionOf({ spec }: AuthorizationPolicy): PolicyAction {
  return spec.action ?? 'ALLOW';
}

/** Whether a policy only reports what it would do (annotation `istio.io/dry-run`). */
export function isDryRun({ annotations }: Pick<ConfigResource, 'annotations'>): boolean {
  return ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(annotations?.['istio.io/dry-run'] ?? '');
}
