import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Service } from '../events/model.ts';
import { endpointRegistered, serviceRegistered } from '../mesh/snapshot-fixture.ts';
import { type AdminFixture, startAdmin } from '../services/pilot/admin/admin-fixture.ts';
import { runCli } from './cli-fixture.ts';

const reviews: Service = {
  hostname: 'reviews.default.svc.cluster.local',
  name: 'reviews',
  namespace: 'default',
  platform: 'files',
  addresses: [],
  ports: [{ name: 'http', port: 9080, protocol: 'HTTP' }],
  labels: {},
  resolution: 'STATIC',
  location: 'MESH_INTERNAL',
};
const v1 = endpointRegistered({
  id: 'reviews-v1',
  hostname: reviews.hostname,
  namespace: 'default',
  platform: 'files',
  address: '10.0.0.1',
  ports: { http: 9080 },
  labels: { version: 'v1', app: 'reviews' },
  health: 'healthy',
});
const route = (weight: number) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews}
      weight: ${weight}
    - destination: {host: ratings}
      weight: ${100 - weight}
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'periplus-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe('usage', () => {
  it.each([
    [['gett', 'vs'], "unknown command 'gett'"],
    [['get'], "missing required argument 'kind'"],
    [['get', 'virtualservic'], 'did you mean virtualservice?'],
    [['get', 'vs', '-A', '-n', 'x'], 'give either -n or -A'],
    [['get', 'vs', '-o', 'xml'], 'Allowed choices are table, json, yaml'],
    [['get', 'vs', '--at', 'yesterday'], '"yesterday" is not a moment'],
    [['at', 'yesterday', 'get', 'vs'], '"yesterday" is not a moment'],
    [['at', '-5m', 'apply', '-f', 'x'], '"at" can\'t be used with "apply"'],
    [['apply'], "required option '-f, --filename <path>' not specified"],
    [['apply', '-f', '/nonexistent.yaml'], '/nonexistent.yaml: no such file or folder'],
    [['apply', '-f', '-', '--timeout', 'soon'], 'give a duration such as 60s'],
    [['delete', 'services', 'reviews'], "can't be changed here"],
    [['delete', 'vs'], 'say which vs to delete'],
    [['apply', '-f', '-', '--dry-run=maybe'], 'give client, server or none'],
    [['history', 'reviews'], 'give KIND/NAME'],
    [['replay'], 'periplus replay --verify'],
    [['render', '--node', 'x.json'], 'give what to render'],
    [['serve', '--log', 'kafka://127.0.0.1:9092'], '--mirror kafka://HOST:PORT/TOPIC'],
    [['serve', '--roles', 'pilot,galley'], '"galley" is no role'],
    [['serve', '--kube-context', 'x'], '--kube-context needs --kubeconfig'],
    [['serve', '--admin-port', '70000'], 'give a port, 0 to 65535'],
    [['serve', '--config', '/nonexistent'], '--config /nonexistent is not a folder'],
    [['get', 'vs', '--server', 'http://'], 'is not a URL'],
  ])('%j is refused with exit code 2', async (args, message) => {
    const { code, out, err } = await runCli(args);
    expect(err).toContain(message);
    expect(code).toBe(2);
    expect(out).toBe('');
  });

  it('explains every command with examples', async () => {
    const { out } = await runCli(['--help']);
    const commands = [...out.matchAll(/^ {2}([a-z-]+)(?:\|[a-z]+)? (?:\[|<)/gm)]
      .map((match) => match[1] ?? '')
      .filter((name) => name !== 'help');
    expect(commands).toHaveLength(26);
    for (const command of commands) {
      const help = await runCli([command, '--help']);
      expect(help.code).toBe(0);
      expect(help.out, command).toContain(`Examples:\n  periplus ${command}`);
    }
  });

  it('says how to start a control plane when none answers, with exit code 3', async () => {
    const { code, err } = await runCli(['get', 'vs', '--server', '127.0.0.1:1']);
    expect(code).toBe(3);
    expect(err).toContain('no Periplus answers at http://127.0.0.1:1');
    expect(err).toContain('periplus up');
  });
});

describe('with a control plane', () => {
  let admin: AdminFixture;
  let server: string;
  beforeEach(async () => {
    admin = await startAdmin();
    server = await admin.listen();
  });
  afterEach(() => admin.stop());
  const run = (args: string, stdin?: string) =>
    runCli(args.split(' '), { server, ...(stdin === undefined ? {} : { stdin }) });

  it('applies, waits, and says what became of each resource', async () => {
    admin.streams.push({ proxyId: 'sidecar~1~a.default~x', streamId: 's', position: 1, settled: true });
    expect(await run(`apply -f ${file('route.yaml', route(90))} --wait`)).toEqual({
      code: 0,
      out: 'virtualservice.networking.istio.io/reviews created\n1/1 proxies\n',
      err: '',
    });
    const again = await run('apply -f - -o json', route(90));
    expect(JSON.parse(again.out)).toMatchObject({
      position: 1,
      results: [{ kind: 'VirtualService', action: 'unchanged' }],
    });
    expect((await run('apply -f - --dry-run', route(50))).out).toBe(
      'virtualservice.networking.istio.io/reviews configured (dry run)\n',
    );
  });

  it('gives up waiting with exit code 1 and the names of the laggards', async () => {
    admin.streams.push({ proxyId: 'sidecar~1~a.default~x', streamId: 's', position: 0, settled: true });
    const { code, err } = await run(`apply -f ${file('route.yaml', route(90))} --wait --timeout 100ms`);
    expect(code).toBe(1);
    expect(err).toContain('after 0.1 s only 0/1 proxies, waiting for a.default');
  });

  it('places every problem and changes nothing', async () => {
    const path = file(
      'broken.yaml',
      `${route(90)}---\n${route(50).replace('reviews\n', 'other\n').replace('weight: 50', 'wieght: 50')}`,
    );
    const { code, err } = await run(`apply -f ${path}`);
    expect(code).toBe(1);
    expect(err).toContain('nothing was changed');
    expect(err).toMatch(new RegExp(`${path}:23:7 {2}spec.http\\[0\\].route\\[0\\].wieght: `));
    expect((await admin.logs.facts.head()).position).toBe(0);
  });

  it('points at the registry when a Service is applied', async () => {
    const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80}]}\n';
    expect((await run('apply -f -', service)).err).toContain(
      '<stdin>:2:7  kind: a Kubernetes Service belongs to the registry',
    );
  });

  it('takes the resources of a file that holds Deployments and Services too, and says what it passes over', async () => {
    const mixed = `${route(90)}---
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {ports: [{port: 9080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1}
`;
    const applied = await run('apply -f - -R', mixed);
    expect(applied).toMatchObject({ code: 0, out: 'virtualservice.networking.istio.io/reviews created\n' });
    expect(applied.err).toContain(
      '<stdin>:15:7  warning: kind: passed over: a Kubernetes Service belongs to the registry',
    );
    expect(applied.err).toContain('<stdin>:20:7  warning: kind: Deployment (apps/v1) is not read: passed over\n');
    const deleted = await run('delete -f - --dry-run=client', mixed);
    expect(deleted).toMatchObject({ code: 0, out: 'virtualservice/reviews deleted (dry run)\n' });
    expect(deleted.err).toContain('Deployment (apps/v1) is not read');
    const other = await run('apply -f -', 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n');
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining('no resources in -\n  <stdin>:2:7') });
    const slip = await run(
      'apply -f -',
      'apiVersion: networking.istio.io/v1\nkind: VirtualServise\nmetadata: {name: web}\n',
    );
    const old = await run(
      'apply -f -',
      `${route(90)}---\napiVersion: authentication.istio.io/v1alpha1\nkind: Policy\nmetadata: {name: web}\n`,
    );
    expect(old).toMatchObject({ code: 1, err: expect.stringContaining('found "authentication.istio.io/v1alpha1"') });
    expect(slip).toMatchObject({ code: 1, err: expect.stringContaining('did you mean VirtualService?') });
  });

  it('applies what a URL answers, as kubectl does', async () => {
    const samples = createServer((request, response) => {
      response.statusCode = request.url === '/route.yaml' ? 200 : 404;
      response.end(request.url === '/route.yaml' ? route(70) : 'nothing here');
    }).listen(0, '127.0.0.1');
    await once(samples, 'listening');
    const { port } = samples.address() as AddressInfo;
    try {
      expect(await run(`apply -f http://127.0.0.1:${port}/route.yaml`)).toMatchObject({
        code: 0,
        out: 'virtualservice.networking.istio.io/reviews created\n',
      });
      expect(await run(`apply -f http://127.0.0.1:${port}/other.yaml`)).toMatchObject({
        code: 2,
        err: expect.stringContaining('/other.yaml: answers 404 Not Found'),
      });
    } finally {
      samples.close();
    }
  });

  it('prints tables, JSON and YAML', async () => {
    await admin.appendFacts([serviceRegistered(reviews), v1]);
    await run('apply -f -', route(90));
    expect((await run('get services')).out).toBe(
      'NAMESPACE   NAME      HOSTNAME                            PLATFORM   PORTS       HEALTHY   AGE\n' +
        'default     reviews   reviews.default.svc.cluster.local   files      9080/HTTP   1/1       -\n',
    );
    expect((await run('get endpoints reviews')).out).toBe(
      'NAMESPACE   SERVICE   ADDRESS    PORT   HEALTH    PLATFORM   LABELS\n' +
        'default     reviews   10.0.0.1   9080   healthy   files      app=reviews,version=v1\n',
    );
    expect(JSON.parse((await run('get endpoints reviews -o json')).out)).toMatchObject([
      { address: '10.0.0.1', port: 9080, health: 'healthy', platform: 'files', labels: { version: 'v1' } },
    ]);
    expect((await run('get vs')).out).toMatch(
      /^NAME {6}GATEWAYS {3}HOSTS {9}AGE\nreviews {3}- {10}\["reviews"\] {3}\ds\n$/,
    );
    expect(JSON.parse((await run('get vs/reviews -o json')).out)).toMatchObject({
      kind: 'VirtualService',
      metadata: { name: 'reviews' },
    });
    expect(JSON.parse((await run('get vs -A -o json')).out)).toMatchObject({
      kind: 'List',
      items: [{ kind: 'VirtualService' }],
    });
    expect((await run('get vs reviews -o yaml')).out).toContain('kind: VirtualService\nmetadata:\n  name: reviews\n');
  });

  it('helps with a name that does not exist', async () => {
    await run('apply -f -', route(90));
    expect(await run('get vs review')).toMatchObject({
      code: 1,
      err: expect.stringContaining('did you mean reviews?'),
    });
    expect(await run('get vs reviews -n prod')).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is one in namespace default'),
    });
    expect(await run('get dr')).toMatchObject({
      code: 0,
      out: '',
      err: expect.stringContaining('no DestinationRule found in namespace default'),
    });
  });

  it('compares, looks back and tells the history', async () => {
    await run('apply -f -', route(90));
    await run('apply -f -', route(50));
    expect(await run('diff -f -', route(50))).toMatchObject({ code: 0, out: '' });
    const diff = await run('diff -f -', route(90));
    expect(diff.code).toBe(1);
    expect(diff.out).toContain('-          weight: 50\n+          weight: 90\n');
    expect((await run('at 1 get vs reviews -o yaml')).out).toContain('weight: 90');
    expect((await run('at -0s get vs reviews -o yaml')).out).toContain('weight: 50');
    expect((await run('at 1')).out).toContain('position 1, ');
    expect(JSON.parse((await run('at -1h -o json')).out)).toMatchObject({ position: 0, config: {} });
    const { out } = await run('history vs/reviews');
    expect(out).toMatch(
      /^version 1 {2}created {2}position 1 {2}\S+ {2}user:anna {2}config.applied\nversion 2 {2}changed/,
    );
    expect(out).toContain('    spec.http[0].route[0].weight: 90 → 50\n');
    expect((await run('events')).out).toContain('config.applied   config/VirtualService/default/reviews   user:anna');
    expect(JSON.parse((await run('events --limit 1 -o json')).out)).toMatchObject([{ position: 2 }]);
  });

  it('deletes all or nothing', async () => {
    await run('apply -f -', route(90));
    expect(await run('delete vs reviews other')).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is no VirtualService other'),
    });
    expect(await run('delete vs/reviews --dry-run')).toMatchObject({
      code: 0,
      out: 'virtualservice/reviews deleted (dry run)\n',
    });
    expect((await run('delete -f -', route(1))).out).toBe('virtualservice/reviews deleted\n');
    expect((await run('get vs -A')).out).toBe('');
  });

  it('analyzes what is live and what is in files', async () => {
    await admin.appendFacts([serviceRegistered(reviews), v1]);
    await run('apply -f -', route(90));
    const { code, out } = await run('analyze');
    expect(code).toBe(1);
    expect(out).toContain(
      'Error [IST0101] (VirtualService default/reviews spec.http[0].route[1].destination.host) Referenced host not found: ',
    );
    const path = file('route.yaml', route(90));
    expect((await run(`analyze -f ${path}`)).out).toContain(`[IST0101] (VirtualService default/reviews ${path}:`);
  });

  it('analyzes files as istioctl does: thresholds, suppression, other kinds, faults beside findings', async () => {
    const path = file(
      'mesh.yaml',
      `${route(90)}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: web}}
---
{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: faulty}, spec: {host: web, subsets: [{name: v1.2}]}}
`,
    );
    const all = await run(`analyze ${path}`);
    expect(all.code).toBe(1);
    expect(all.out).toMatch(
      /^Error \[IST0106\] \(DestinationRule default\/faulty \S+:\d+\) Schema validation error: spec/m,
    );
    expect(all.out).not.toContain('Deployment');
    const suppressed = await runCli([
      'analyze',
      path,
      '--suppress',
      'IST0101=VirtualService *.default',
      '-S',
      'IST0106=DestinationRule faulty.default',
    ]);
    expect(suppressed).toMatchObject({ code: 0, out: expect.stringContaining('No validation issues found') });
    expect(await run(`analyze ${path} -o json --output-threshold error`)).toMatchObject({
      code: 1,
      out: expect.stringMatching(/"severity": "error"[^}]*"level": "Error"/),
    });
    expect((await run('analyze -L')).out).toContain('* IST0101 ReferencedResourceNotFound (Error)\n');
    expect((await run(`analyze ${path} --failure-threshold nonsense`)).code).toBe(2);
  });

  it('checks, verifies and tells versions', async () => {
    expect((await run('check')).out).toContain('ok    log: head at position 0\nok    pilot: at position 0\n');
    expect(await run('replay --verify')).toMatchObject({
      code: 0,
      out: expect.stringContaining('equal: 0 facts folded'),
    });
    expect((await run('version')).out).toContain('server   0.0.0-test');
    expect(await run('proxy-status -o json')).toMatchObject({ code: 0, out: '[]\n' });
    expect(await run('proxy-status -o yaml')).toMatchObject({ code: 0, out: '[]\n' });
    expect(await run('proxy-config clusters a.default --port http')).toMatchObject({ code: 2 });
    expect(await run('proxy-config routes a.default')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no proxy named "a.default"'),
    });
  });
});
