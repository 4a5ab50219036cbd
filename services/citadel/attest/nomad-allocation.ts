// Asks Nomad whether the task that a token names still runs (developer.hashicorp.com/nomad/api-docs/allocations, Read Allocation).
import type { JWTPayload } from 'jose';
import { MeshError } from '../../../lib/mesh-error.ts';
import { askPlatform, type PlatformAccess } from './ask-platform.ts';

/** Where Nomad's HTTP API is, and our own ACL token there (right: namespace read-job); absent: its ACLs are off. */
export interface NomadAccess extends PlatformAccess {
  readonly token?: string;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A task that is being started may ask for its certificate already. */
const alive: readonly unknown[] = ['pending', 'running'];

/**
 * Whether the allocation of the token's claims is to run, runs or starts, and is the job's that the claims name. Rejects with MeshError
 * `unavailable` when Nomad does not say.
 */
export async function allocationRuns(claims: JWTPayload, access: NomadAccess): Promise<boolean> {
  const { nomad_allocation_id: id, nomad_namespace: namespace, nomad_job_id: job, nomad_task: task } = claims;
  if (typeof id !== 'string' || !uuid.test(id)) return false;
  const path = `/v1/allocation/${id}?namespace=${encodeURIComponent(String(namespace))}`;
  const headers = access.token === undefined ? {} : { 'x-nomad-token': access.token };
  const { status, json } = await askPlatform(access, { path, headers });
  if (status === 404) return false;
  if (status !== 200) throw new MeshError('unavailable', `Nomad answered ${status} when asked about an allocation`);
  const allocation = Object(json);
  const state = Object(Object(allocation.TaskStates)[String(task)]);
  return (
    allocation.ID === id &&
    allocation.Namespace === namespace &&
    allocation.JobID === job &&
    allocation.DesiredStatus === 'run' &&
    alive.includes(allocation.ClientStatus) &&
    state.State !== 'dead'
  );
}
