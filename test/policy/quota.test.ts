// Quotas on a real Envoy: counted by Mixer for each combination of dimensions, in both kinds of files; Mixer away.
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { PolicyMesh, type Sidecar } from './policy-mesh.ts';

/** Longer than this file runs: nothing comes back meanwhile. */
const window = '1h';

describe('quotas on a real Envoy', () => {
  const mesh = new PolicyMesh();
  let web: Sidecar;
  let open: Sidecar;
  let leased: Sidecar;
  let mixer: Awaited<ReturnType<PolicyMesh['startMixer']>>;
  beforeAll(async () => {
    await mesh.start({ mixer: false });
    mixer = await mesh.startMixer();
    web = await mesh.sidecar('web', { app: 'web' });
    open = await mesh.sidecar('open', { app: 'open' });
  }, 90_000);
  afterAll(async () => {
    await mesh.stop();
  });

  /** In every path and user: a test that is tried again meets no counts of its first try. */
  let attempt = 0;
  let limited = '';
  beforeEach(() => {
    attempt++;
  });

  const as = (user: string) => ({ headers: { 'x-user': `${user}-${attempt}` } });
  const statuses = async (count: number, user: string, path: string) => {
    const all: number[] = [];
    for (let i = 0; i < count; i++) all.push((await web.send(path, as(user))).status);
    return all;
  };
  /** Waits until a request is answered with `status`: the configuration has arrived. */
  const until = (sidecar: Sidecar, status: number, path: string, user: string) =>
    waitFor(async () => (await sidecar.send(path, as(user))).status === status, {
      what: () => `${status} for ${path}\n${sidecar.envoy.output()}`,
      limitMs: 30_000,
    });

  it("a Policy's limit holds for each user, an override for its own; other requests are not counted", async () => {
    limited = `/limited-${attempt}`;
    await mesh.apply(`
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: limits, namespace: default }
spec:
  selector: { matchLabels: { app: web } }
  rules:
    - when: request.path.startsWith("${limited}")
      quota:
        limit: 3
        window: ${window}
        by: { user: 'request.headers["x-user"] | "nobody"' }
        overrides: [{ by: { user: alice-${attempt} }, limit: 5 }]
`);
    await until(web, 429, limited, 'first');
    expect(await statuses(4, 'bob', limited)).toEqual([200, 200, 200, 429]);
    expect(await statuses(6, 'alice', limited)).toEqual([200, 200, 200, 200, 200, 429]);
    expect(await statuses(4, 'carol', limited)).toEqual([200, 200, 200, 429]);
    const refused = await web.send(limited, as('bob'));
    expect(refused.body).toBe('Quota is exhausted for: Policy/default/limits[0]');
    // Envoy's rate limit filter asks: nothing else of this workload needs Mixer.
    expect(refused.headers).toMatchObject({ 'x-ratelimit-limit': '3, 3;w=3600', 'x-ratelimit-remaining': '0' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(3_000);
    expect((await web.send(limited, as('dave'))).headers['x-ratelimit-remaining']).toBe('2');
    expect((await web.send('/free')).headers['x-ratelimit-limit']).toBeUndefined();
    expect(await statuses(5, 'bob', '/free')).toEqual([200, 200, 200, 200, 200]);
  });

  it("Mixer's old files: memquota, quota, QuotaSpec and its binding", async () => {
    await mesh.apply(`
apiVersion: config.istio.io/v1alpha2
kind: memquota
metadata: { name: handler, namespace: istio-system }
spec:
  quotas:
    - name: requestcount.quota.istio-system
      maxAmount: 4
      validDuration: ${window}
---
apiVersion: config.istio.io/v1alpha2
kind: quota
metadata: { name: requestcount, namespace: istio-system }
spec: { dimensions: { user: 'request.headers["x-user"] | "nobody"' } }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: quota, namespace: istio-system }
spec:
  match: destination.labels["app"] == "web"
  actions: [{ handler: handler.memquota, instances: [requestcount.quota] }]
---
apiVersion: config.istio.io/v1alpha2
kind: QuotaSpec
metadata: { name: request-count, namespace: istio-system }
spec:
  rules:
    - match: [{ clause: { request.path: { prefix: /old-${attempt} } } }]
      quotas: [{ quota: requestcount, charge: 2 }]
---
apiVersion: config.istio.io/v1alpha2
kind: QuotaSpecBinding
metadata: { name: request-count, namespace: istio-system }
spec:
  quotaSpecs: [{ name: request-count, namespace: istio-system }]
  services: [{ service: '*' }]
`);
    await until(web, 429, `/old-${attempt}`, 'first');
    expect(await statuses(3, 'bob', `/old-${attempt}`)).toEqual([200, 200, 429]);
    expect(await statuses(3, 'dave', `/old-${attempt}`)).toEqual([200, 200, 429]);
    expect(await statuses(5, 'bob', '/free')).toEqual([200, 200, 200, 200, 200]);
  });

  it('counts alike by the rate limit service and in a check: random requests get the same answers', async () => {
    const quotaFor = (app: string, more: string) => `
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: ${app}, namespace: default }
spec:
  selector: { matchLabels: { app: ${app} } }
  rules:
    - when: request.path.startsWith("/q${attempt}") && (request.headers["x-plan"] | "free") != "paid"
      quota:
        limit: 4
        window: ${window}
        charge: 2
        by: { user: 'request.headers["x-user"]', plan: 'request.headers["x-plan"] | request.method' }
        overrides: [{ by: { user: a }, limit: 6 }]
${more}`;
    // A header that Envoy's CEL is not asked for: this workload asks for checks.
    const check = `    - { when: 'request.headers["cookie"] == "none"', deny: {} }\n`;
    await mesh.apply(`${quotaFor('lowered', '')}---${quotaFor('checked', check)}`);
    const [lowered, checked] = [
      await mesh.sidecar('lowered', { app: 'lowered' }),
      await mesh.sidecar('checked', { app: 'checked' }),
    ];
    const request = fc.record({
      path: fc.constantFrom(`/q${attempt}`, `/q${attempt}/more`, '/other'),
      user: fc.constantFrom(undefined, '', 'a', 'b'),
      plan: fc.constantFrom(undefined, 'paid', 'free', 'GET'),
    });
    const seen = new Set<number>();
    for (const { path, user, plan } of fc.sample(request, { numRuns: 120, seed: 1 })) {
      const headers = { ...(user === undefined ? {} : { 'x-user': user }), ...(plan && { 'x-plan': plan }) };
      const [one, other] = await Promise.all([lowered.send(path, { headers }), checked.send(path, { headers })]);
      expect([path, user, plan, one.status]).toEqual([path, user, plan, other.status]);
      seen.add(one.status);
    }
    expect(seen).toEqual(new Set([200, 429]));
  });

  it('a proxy that counts for itself needs no Mixer', async () => {
    await mesh.apply(`
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: own, namespace: default }
spec:
  selector: { matchLabels: { app: own } }
  rules:
    - when: request.path.startsWith("/own-${attempt}")
      quota: { limit: 3, window: ${window}, mode: PER_PROXY }
    - quota: { limit: 1000, window: ${window}, mode: PER_PROXY }
`);
    const own = await mesh.sidecar('own', { app: 'own' });
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push((await own.send(`/own-${attempt}`)).status);
    expect(answers).toEqual([200, 200, 200, 429, 429]);
    expect((await own.send('/free')).status).toBe(200);
    expect(await own.stat(/ratelimit.*mixer/)).toBe(0);
  });

  it('proxies take leases: together no more than the limit, and nothing is asked for a request', async () => {
    await mesh.apply(`
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: leased, namespace: default }
spec:
  selector: { matchLabels: { app: leased } }
  rules:
    - when: request.path.startsWith("/leased-${attempt}")
      quota: { limit: 40, window: ${window}, mode: LEASED }
    - when: request.path == "/more"
      quota: { limit: 10000, window: ${window}, mode: LEASED }
`);
    // Each its own labels: one Sidecar each, for a port of its own.
    const one = await mesh.sidecar('leased-1', { app: 'leased', port: 'one' });
    const two = await mesh.sidecar('leased-2', { app: 'leased', port: 'two' });
    leased = one;
    const path = `/leased-${attempt}`;
    let passed = 0;
    const send = async (sidecar: Sidecar) => {
      const { status, body } = await sidecar.send(path);
      if (status === 200) passed++;
      else expect([status, body]).toEqual([429, 'Quota is exhausted for: Policy/default/leased[0]']);
      return status;
    };
    for (const sidecar of [one, two])
      await waitFor(async () => (await send(sidecar)) === 200, {
        what: () => `a lease\n${sidecar.envoy.output()}`,
        limitMs: 30_000,
      });
    for (let i = 0; i < 60; i++) await Promise.all([send(one), send(two)]);
    expect(passed).toBeGreaterThanOrEqual(36);
    expect(passed).toBeLessThanOrEqual(44);
    expect((await one.send('/free')).status).toBe(200);
    await until(one, 200, '/more', 'any');
  });

  it('Mixer away: 503, or passes where the quota says so; the next Mixer counts from nothing', async () => {
    await mesh.apply(`
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: open, namespace: default }
spec:
  selector: { matchLabels: { app: open } }
  rules: [{ quota: { limit: 1, window: ${window}, onFailure: ALLOW } }]
`);
    await until(open, 429, '/', 'any');
    await mixer.kill();
    expect((await web.send(limited, as('bob'))).status).toBe(503);
    expect((await open.send('/')).status).toBe(200);
    // A lease holds.
    expect((await leased.send('/more')).status).toBe(200);
    // Taken out of the registry: else the killed one stays an endpoint beside the next.
    await mixer.stop();
    expect((await open.send('/')).status).toBe(200);
    mixer = await mesh.startMixer();
    await until(web, 200, '/free', 'bob');
    expect(await statuses(4, 'bob', limited)).toEqual([200, 200, 200, 429]);
  });
});
