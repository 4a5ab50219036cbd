// What cases of outlier detection share: errors of one instance, and who answers afterwards.
import assert from 'node:assert/strict';
import type { CaseMesh } from './case.ts';
import { ejection } from './expectations.ts';
import { type Manifest, virtualService } from './resources.ts';

/** Fails `times` requests of one instance (default e1). */
export async function fail(
  mesh: CaseMesh,
  { times, status, only = 'e1', host }: { times: number; status: string; only?: string; host?: string },
): Promise<void> {
  let failed = 0;
  for (let i = 0; failed < times && i < 200; i++) {
    const headers = { 'x-only': only, 'x-status': status };
    const answer = await mesh.get('/', { headers, ...(host !== undefined && { host }) });
    if (answer.status !== 200) failed++;
  }
  assert.equal(failed, times);
}

/** Who answers once ejections have taken hold. */
export async function remaining(mesh: CaseMesh): Promise<readonly string[]> {
  await ejection();
  return Object.keys(await mesh.tally(60, '/')).sort();
}

/** Fails `times` requests of e1 and tells which instances then answer. */
export async function afterErrors(mesh: CaseMesh, times: number, status: string): Promise<readonly string[]> {
  await fail(mesh, { times, status });
  return await remaining(mesh);
}
/** Every failure is seen. */
export const noRetries = (): Manifest =>
  virtualService('echo', {
    hosts: ['echo'],
    http: [{ retries: { attempts: 0 }, route: [{ destination: { host: 'echo' } }] }],
  });
/** Ejects at once, anybody, for longer than a case takes. */
export const fast = { interval: '100ms', baseEjectionTime: '60s', maxEjectionPercent: 100 };
