// Policies and Mixer's old files on a real Envoy: lowered into it, or asked of Mixer; header changes; Mixer away.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { PolicyMesh, type Sidecar } from './policy-mesh.ts';

const policy = (name: string, rules: string) => `
apiVersion: policy.periplus.io/v1
kind: Policy
metadata: { name: ${name}, namespace: default }
spec:
  selector: { matchLabels: { app: web } }
  rules: ${rules}
`;

/** Always true, and nothing that Envoy can decide by itself. */
const leftToMixer = 'size(request.path | "") >= 0';

describe('policies on a real Envoy', () => {
  const mesh = new PolicyMesh();
  let web: Sidecar;
  beforeAll(async () => {
    await mesh.start();
    web = await mesh.sidecar('web', { app: 'web', version: 'v1' });
  }, 60_000);
  afterAll(async () => {
    await mesh.stop();
  });

  /** Waits until a request is answered with `status`: the configuration has arrived. */
  const until = (status: number, path: string, headers = {}) =>
    waitFor(async () => (await web.send(path, { headers })).status === status, {
      what: () => `${status} for ${path}\n${web.envoy.output()}`,
      limitMs: 30_000,
    });
  const calls = () => web.stat(/^cluster\.outbound\|9091\|\|mixer.*upstream_rq_total:/);

  it('lowers a deny rule: RBAC refuses, nobody asks Mixer', async () => {
    await mesh.apply(
      policy(
        'lowered',
        '[{ when: \'request.path.startsWith("/admin") && (request.headers["x-role"] | "none") != "root"\', deny: {} }]',
      ),
    );
    await until(403, '/admin');
    const before = await calls();
    expect((await web.send('/admin', { headers: { 'x-role': 'user' } })).status).toBe(403);
    expect((await web.send('/admin', { headers: { 'x-role': 'root' } })).status).toBe(200);
    expect((await web.send('/public')).status).toBe(200);
    expect(await calls()).toBe(before);
  });

  it('asks Mixer where Envoy can not decide, once a request; its status and words reach the client', async () => {
    await mesh.apply(
      policy(
        'asked',
        `[{ when: '${leftToMixer} && request.headers["x-user"] == "mallory"', deny: { status: 429, message: not you } }]`,
      ),
    );
    await until(429, '/', { 'x-user': 'mallory' });
    const before = await calls();
    const refused = await web.send('/', { headers: { 'x-user': 'mallory' } });
    expect([refused.status, refused.body]).toEqual([429, 'not you']);
    expect((await web.send('/', { headers: { 'x-user': 'alice' } })).status).toBe(200);
    expect(await calls()).toBe(before + 2);
  });

  it('changes headers, by Envoy where values are constant and by Mixer where they are not', async () => {
    await mesh.apply(
      policy(
        'headers',
        `
    - headers:
        request: { set: { x-workload: 'destination.labels["version"]' }, remove: [x-debug] }
        response: { set: { x-served-by: '"100%"' } }
    - headers:
        request: { set: { x-copy: 'request.method + " " + (request.headers["x-user"] | "nobody")' } }
        response: { append: { x-path: request.path } }`,
      ),
    );
    await waitFor(async () => (await web.send('/')).seen['x-copy'] !== undefined, {
      what: 'the headers',
      limitMs: 30_000,
    });
    const { seen, headers } = await web.send('/a', {
      headers: { 'x-user': 'alice', 'x-debug': '1', 'x-copy': 'forged' },
    });
    expect(seen).toMatchObject({ 'x-workload': 'v1', 'x-copy': 'GET alice' });
    expect(seen['x-debug']).toBeUndefined();
    expect(headers).toMatchObject({ 'x-served-by': '100%', 'x-path': '/a' });
  });

  it("carries out Mixer's old files: rule, handler and instance in both spellings", async () => {
    await mesh.apply(`
apiVersion: config.istio.io/v1alpha2
kind: denier
metadata: { name: no, namespace: istio-system }
spec: { status: { code: 16, message: log in } }
---
apiVersion: config.istio.io/v1alpha2
kind: checknothing
metadata: { name: any, namespace: istio-system }
spec: {}
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: deny, namespace: istio-system }
spec:
  match: destination.labels["app"] == "web" && match(request.path, "/old/*")
  actions: [{ handler: no.denier, instances: [any.checknothing] }]
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: whitelist, namespace: default }
spec: { compiledAdapter: listchecker, params: { overrides: [v1, v2], blacklist: false } }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: version, namespace: default }
spec: { compiledTemplate: listentry, params: { value: 'request.headers["x-version"] | ""' } }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: list, namespace: default }
spec:
  match: match(request.path, "/list/*")
  actions: [{ handler: whitelist, instances: [version] }]
`);
    await until(401, '/old/x');
    expect((await web.send('/old/x')).body).toBe('no.istio-system:log in');
    await until(403, '/list/x');
    expect((await web.send('/list/x', { headers: { 'x-version': 'v3' } })).status).toBe(403);
    expect((await web.send('/list/x', { headers: { 'x-version': 'v1' } })).status).toBe(200);
    expect((await web.send('/new')).status).toBe(200);
  });

  it('asks handlers: a list in a file that changes, a compiled Rego policy, one that is away', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'periplus-policy-'));
    const file = join(folder, 'friends.txt');
    writeFileSync(file, '# friends\nalice\n');
    const wasm = join(import.meta.dirname, '../../services/mixer/handlers/testdata/authz.wasm');
    await mesh.apply(
      policy(
        'friends',
        `[{ when: 'request.path.startsWith("/friends")', list: { value: 'request.headers["x-user"]', source: ${file}, refresh: 1s } }]`,
      ),
    );
    await mesh.apply(`
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: opa, namespace: default }
spec: { compiledAdapter: opa, params: { wasm: ${wasm} } }
---
apiVersion: config.istio.io/v1alpha2
kind: handler
metadata: { name: away, namespace: default, annotations: { policy.periplus.io/on-failure: allow } }
spec: { compiledAdapter: opa, params: { url: 'http://127.0.0.1:1' } }
---
apiVersion: config.istio.io/v1alpha2
kind: instance
metadata: { name: authz, namespace: default }
spec:
  compiledTemplate: authorization
  params: { subject: { user: 'request.headers["x-user"] | ""' }, action: { method: request.method, path: 'request.headers["x-path"] | ""' } }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: opa, namespace: default }
spec: { match: request.path.startsWith("/opa"), actions: [{ handler: opa, instances: [authz] }] }
---
apiVersion: config.istio.io/v1alpha2
kind: rule
metadata: { name: away, namespace: default }
spec: { match: request.path.startsWith("/away"), actions: [{ handler: away, instances: [authz] }] }
`);
    const status = async (path: string, headers = {}) => (await web.send(path, { headers })).status;
    await until(403, '/opa/x');
    await until(403, '/friends', { 'x-user': 'bob' });
    expect(await status('/friends', { 'x-user': 'alice' })).toBe(200);
    expect(await status('/opa', { 'x-path': '/public/a' })).toBe(200);
    expect(await status('/opa', { 'x-path': '/private' })).toBe(403);
    expect(await status('/away')).toBe(200);
    expect((await web.send('/friends', { headers: { 'x-user': 'bob' } })).body).toBe(
      'denied by Policy friends.default',
    );
    writeFileSync(file, 'bob\n');
    await until(200, '/friends', { 'x-user': 'bob' });
    expect(await status('/friends', { 'x-user': 'alice' })).toBe(403);
    rmSync(folder, { recursive: true });
  });
});

describe('without any Mixer', () => {
  const mesh = new PolicyMesh();
  let web: Sidecar;
  beforeAll(async () => {
    await mesh.start({ mixer: false });
    web = await mesh.sidecar('web', { app: 'web' });
  }, 60_000);
  afterAll(async () => {
    await mesh.stop();
  });

  it('lowered rules hold, and what could refuse is refused until one comes; gone again, it fails closed', async () => {
    await mesh.apply(policy('lowered', '[{ when: \'request.path == "/no"\', deny: {} }]'));
    const status = async (path: string) => (await web.send(path)).status;
    await waitFor(async () => (await status('/no')) === 403, { what: 'the lowered rule', limitMs: 30_000 });
    expect(await status('/yes')).toBe(200);
    await mesh.apply(
      policy('asked', `[{ when: '${leftToMixer} && request.path == "/mixer"', deny: { status: 418 } }]`),
    );
    await waitFor(async () => (await status('/yes')) === 403, { what: 'everything refused', limitMs: 30_000 });
    const mixer = await mesh.startMixer();
    await waitFor(async () => (await status('/mixer')) === 418, { what: 'Mixer’s answer', limitMs: 30_000 });
    expect(await status('/yes')).toBe(200);
    await mixer.kill();
    expect(await status('/yes')).toBe(503);
    expect(await status('/no')).toBe(403);
    await mesh.startMixer();
    await waitFor(async () => (await status('/yes')) === 200, { what: 'the next Mixer', limitMs: 30_000 });
  });
});
