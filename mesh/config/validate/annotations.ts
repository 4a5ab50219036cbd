// Annotations that change what Istio accepts.
import type { ConfigResource } from '../../../events/model.ts';
import type { AuthorizationPolicySpec } from '../schemas/authorization-policy.ts';
import { mixerKinds } from '../schemas/mixer-kinds.ts';
import { checkLanguage } from './mixer.ts';
import type { Place } from './place.ts';

const dryRun = 'istio.io/dry-run';
/** Istio sets these on what it derives itself; they give rights, or refuse a resource in its tests. */
const internal = [
  'internal.istio.io/webhook-always-reject',
  'internal.istio.io/parent-namespace',
  'internal.istio.io/parents',
];
const mixerKindNames: ReadonlySet<string> = new Set(mixerKinds.map(([kind]) => kind));
/** What Go reads as true or false. */
const flags = ['1', 't', 'T', 'true', 'TRUE', 'True', '0', 'f', 'F', 'false', 'FALSE', 'False'];

/** Reports annotations that users may not set, and `istio.io/dry-run` where it can't be. */
export function checkAnnotations({ kind, annotations = {}, spec }: ConfigResource, place: Place): void {
  for (const name of internal) if (annotations[name] !== undefined) place.at(name).error('may not be set by users');
  if (mixerKindNames.has(kind)) checkLanguage(annotations, place);
  const value = annotations[dryRun];
  if (value === undefined) return;
  const at = place.at(dryRun);
  if (kind !== 'AuthorizationPolicy') {
    at.error(`is for AuthorizationPolicies, not for kind ${kind}: leave it out`);
    return;
  }
  const { action = 'ALLOW' } = spec as AuthorizationPolicySpec;
  if (action !== 'ALLOW' && action !== 'DENY') at.error(`is for actions ALLOW and DENY, found ${action}`);
  else if (!flags.includes(value)) at.error(`expected true or false, found ${JSON.stringify(value)}`);
}
