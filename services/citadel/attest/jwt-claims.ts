// Whom a platform's token names, by its claims. Pure.
import type { JWTPayload } from 'jose';

/** Namespace and account, or what is missing. */
export type ClaimsIdentity =
  | { readonly ok: true; readonly identity: { readonly namespace: string; readonly serviceAccount: string } }
  | { readonly ok: false; readonly reason: string };

/** A Kubernetes service account: `system:serviceaccount:NAMESPACE:NAME` (kubernetes.io, "Managing Service Accounts"). */
export function serviceAccountIdentity(user: unknown): ClaimsIdentity {
  const [system, kind, namespace = '', serviceAccount = '', ...more] = typeof user === 'string' ? user.split(':') : [];
  if (system !== 'system' || kind !== 'serviceaccount' || more.length > 0)
    return { ok: false, reason: 'its subject is no service account' };
  return { ok: true, identity: { namespace, serviceAccount } };
}

/** A projected service-account token: its subject, which must agree with the claim `kubernetes.io`. */
export function kubernetesIdentity(claims: JWTPayload): ClaimsIdentity {
  const found = serviceAccountIdentity(claims.sub);
  if (!found.ok) return found;
  const bound = Object(claims['kubernetes.io']);
  const { namespace, serviceAccount } = found.identity;
  const agrees = bound.namespace === namespace && Object(bound.serviceaccount).name === serviceAccount;
  return agrees ? found : { ok: false, reason: 'its subject and its claim kubernetes.io do not agree' };
}

/**
 * A Nomad workload identity (developer.hashicorp.com/nomad/docs/concepts/workload-identity): the job is the service account; the task
 * and the allocation have to be named, as a token of a job as a whole belongs to no running workload.
 */
export function nomadIdentity(claims: JWTPayload): ClaimsIdentity {
  const names = ['nomad_namespace', 'nomad_job_id', 'nomad_task', 'nomad_allocation_id'] as const;
  for (const name of names)
    if (typeof claims[name] !== 'string' || claims[name] === '')
      return { ok: false, reason: `it has no claim ${name}` };
  const identity = { namespace: String(claims.nomad_namespace), serviceAccount: String(claims.nomad_job_id) };
  return { ok: true, identity };
}
