// What cases of outlier detection share: errors of one instance, and who answers afterwards.
import assert from 'node:assert/strict';
import type { CaseMesh } from './case.ts';
import { ejection } from './expectations.ts';
import { type Manifest, virtualService } from './resources.ts';

/** Fails `times` requests of e1 and tells which instances then answer. */
export async function afterErrors(mesh: CaseMesh, times: number, status: string): Promise<readonly string[]> {
  let failed = 0;
  for (let i = 0; failed < times && i < 200; i++) {
    const answer = await mesh.get('/', { headers: { 'x-only': 'e1', 'x-status': status } });
    if (answer.status !== 200) failed++;
  }
  assert.equal(failed, times);
  await ejection();
  return Object.keys(await mesh.tally(60, '/')).sort();
}
/** Every failure is seen. */
export const noRetries = (): Manifest =>
  virtualService('echo', {
    hosts: ['echo'],
    http: [{ retries: { attempts: 0 }, route: [{ destination: { host: 'echo' } }] }],
  });
/** Ejects at once, anybody, for longer than a case takes. */
export const fast = { interval: '100ms', baseEjectionTime: '60s', maxEjectionPercent: 100 };
