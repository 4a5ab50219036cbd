// Labels and workload selectors (kubernetes.io/docs/concepts/overview/working-with-objects/labels).
import type { MatchLabelsSelector, PolicyTargetReference, WorkloadSelector } from '../schemas/destination.ts';
import { checkOneOf, forEachAt, type Place } from './place.ts';

const name = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const prefix = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)*$/;

/** Kubernetes' bound on the name within a label's key, and on a value. */
const maxNameLength = 63;

/** Reports keys and values that can not be labels. `bounded`: values of objects' own labels, which Kubernetes bounds and Istio does not. */
export function checkLabelValues(
  labels: Readonly<Record<string, string>> | undefined,
  place: Place,
  options: { readonly bounded?: boolean } = {},
): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    const slash = key.indexOf('/');
    const own = key.slice(slash + 1);
    const good =
      own.length <= maxNameLength &&
      name.test(own) &&
      (slash < 0 || (slash <= 253 && prefix.test(key.slice(0, slash))));
    if (!good) place.at(key).error(`${JSON.stringify(key)} is not a label's name`);
    const long = options.bounded === true && value.length > maxNameLength;
    if (value !== '' && (long || !name.test(value)))
      place
        .at(key)
        .error(`expected at most 63 letters, digits, -, _ and . as a label's value, found ${JSON.stringify(value)}`);
  }
}

/** Reports a selector that can't select: wildcards, empty names. */
function checkSelectorLabels(labels: Readonly<Record<string, string>> | undefined, place: Place): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (key === '') place.error('a label to select by needs a name');
    if (`${key}${value}`.includes('*')) place.at(key).error('wildcards are not supported in selectors');
    else if (value.length > maxNameLength) place.at(key).error("a label's value has at most 63 characters");
  }
  if (Object.keys(labels ?? {}).length === 0) place.warn('without labels every workload of the namespace is selected');
}

/** A networking selector (`labels`). */
export function checkWorkloadSelector(selector: WorkloadSelector | undefined, place: Place): void {
  if (selector) checkSelectorLabels(selector.labels, place.at('labels'));
}

/** A type.v1beta1 selector (`matchLabels`). */
export function checkMatchLabels(selector: MatchLabelsSelector | undefined, place: Place): void {
  if (selector) checkSelectorLabels(selector.matchLabels, place.at('matchLabels'));
}

/** The ways a policy says what it applies to; at most one. */
export interface Targeted {
  readonly selector?: MatchLabelsSelector;
  readonly targetRef?: PolicyTargetReference;
  readonly targetRefs?: readonly PolicyTargetReference[];
}

/** Reports conflicting or malformed targets of a policy. */
export function checkTargets(spec: Targeted, place: Place): void {
  checkOneOf(spec, ['selector', 'targetRef', 'targetRefs'], place);
  checkMatchLabels(spec.selector, place.at('selector'));
  if (spec.targetRef) checkTargetRef(spec.targetRef, place.at('targetRef'));
  forEachAt(spec.targetRefs, place.at('targetRefs'), checkTargetRef);
  if ((spec.targetRefs?.length ?? 0) > 16) place.at('targetRefs').error('at most 16 targets');
}

/** Reports a target that Istio can't attach a policy to. */
export function checkTargetRef(target: PolicyTargetReference, place: Place): void {
  if (target.name === '') place.at('name').error('expected a name');
  if (target.namespace) place.at('namespace').error('targets in other namespaces are not supported; leave it out');
  const group = target.group ?? '';
  const known = [
    ['gateway.networking.k8s.io', 'Gateway'],
    ['gateway.networking.k8s.io', 'GatewayClass'],
    ['', 'Service'],
    ['core', 'Service'],
    ['networking.istio.io', 'ServiceEntry'],
  ];
  if (!known.some(([knownGroup, kind]) => knownGroup === group && kind === target.kind))
    place
      .at('kind')
      .error(
        `a policy may target a Gateway or GatewayClass (gateway.networking.k8s.io), a Service or a ServiceEntry, found ${group}/${target.kind}`,
      );
}
