// The demo as a newcomer starts it: real Envoys, traffic, a canary under load, a sick workload, a rejected route, replay, stop, continue.
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoInstances } from '../run/demo-plan.ts';
import { startLoad } from './support/load.ts';
import { periplus, periplusJson, RunningPeriplus, root } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

const gateway = 'http://127.0.0.1:8080';
const reviewsUrl = `${gateway}/api/v1/products/0/reviews`;
const versionOf = (body: string) => (JSON.parse(body) as { version: string }).version;

interface ProxyRow {
  readonly proxy: string;
  readonly [field: string]: unknown;
}

describe('the demo mesh', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-demo-'));
  const data = join(scratch, 'data');
  let up: RunningPeriplus;

  beforeAll(async () => {
    up = new RunningPeriplus(['up', '--data', data]);
    await up.untilServing(`${gateway}/productpage`, 60_000);
    await waitFor(async () => (await periplus(['check'])).code === 0, {
      what: 'periplus check to be content',
      everyMs: 500,
    });
  });
  afterAll(async () => {
    await up.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  it('serves the page and JSON that names the version which answered', async () => {
    const page = await (await fetch(`${gateway}/productpage`)).text();
    expect(page).toContain('<html');
    expect(page).toMatch(/reviews.?v[123]/i);
    expect(versionOf(await (await fetch(reviewsUrl)).text())).toMatch(/^v[123]$/);
  });

  it('shows seven proxies, all in sync, none of which rejected anything', async () => {
    const proxies = await periplusJson<ProxyRow[]>('proxy-status');
    expect(proxies).toHaveLength(7);
    expect(JSON.stringify(proxies)).not.toMatch(/"ERROR"|"STALE"/);
    expect(await periplusJson<unknown[]>('events', '--deliveries', '--type', 'io.periplus.delivery.rejected')).toEqual(
      [],
    );
  });

  it('encrypts what goes between sidecars, each side by its own name', async () => {
    // Who may call reviews is written against the peer's certificate: it decides whether the page's reviews come.
    const allowOnly = (serviceAccount: string) => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: who-calls-reviews, namespace: default }
spec:
  selector: { matchLabels: { app: reviews } }
  rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/${serviceAccount}] } }] }]
`;
    const status = async () => (await fetch(reviewsUrl)).status;
    // Connections that are open keep the policy they began with until Envoy has drained them.
    const becomes = (wanted: number) => waitFor(async () => (await status()) === wanted, { what: `status ${wanted}` });
    for (const [serviceAccount, wanted] of [
      ['bookinfo-ratings', 403],
      ['bookinfo-productpage', 200],
    ] as const) {
      const applied = await periplus(['apply', '-f', '-', '--wait'], { input: allowOnly(serviceAccount) });
      expect(applied.code, applied.stdout + applied.stderr).toBe(0);
      await becomes(wanted);
    }
    expect((await periplus(['delete', 'authorizationpolicy/who-calls-reviews', '--wait'])).code).toBe(0);
    await becomes(200);
    // No request goes to reviews-v3 at first.
    for (const { address } of demoInstances.filter(({ name }) => name !== 'reviews-v3')) {
      const statOf = async (name: string) => {
        await (await fetch(`${gateway}/productpage`)).text();
        const stats = await (await fetch(`http://${address}:15000/stats?filter=listener.*9080.ssl`)).text();
        return Number(new RegExp(`ssl\\.${name}: (\\d+)`).exec(stats)?.[1]);
      };
      await waitFor(async () => (await statOf('handshake')) > 0, { what: `mutual TLS at ${address}` });
      expect(await statOf('no_certificate')).toBe(0);
    }
    const tokens = await periplusJson<unknown[]>('events', '--type', 'io.periplus.identity.join-token-consumed');
    expect(tokens).toHaveLength(7);
    // What proves an identity is on no command line and in no file.
    expect(pidsMatching('pjt_')).toEqual([]);
    expect(readFileSync(join(data, 'periplus.log'), 'utf8')).not.toContain('pjt_');
  });

  it('shifts 90/10 to 50/50 and back under 200 rps without a failed request, and splits as told', async () => {
    const load = startLoad({ url: reviewsUrl, perSecond: 200, tagOf: versionOf });
    const shares: Record<string, number> = {};
    for (const [file, share] of [
      ['canary-50-50.yaml', 0.5],
      ['canary-90-10.yaml', 0.9],
    ] as const) {
      const applied = await periplus(['apply', '-f', `examples/bookinfo/${file}`, '--wait']);
      expect(applied.code, applied.stdout + applied.stderr).toBe(0);
      expect(applied.stdout + applied.stderr).toContain('7/7 proxies');
      const measured = startLoad({ url: reviewsUrl, perSecond: 400, tagOf: versionOf });
      await waitFor(() => measured.sent() >= 5000, { what: '5000 requests', limitMs: 60_000 });
      const { sent, tags, failures } = await measured.stop();
      expect(failures).toEqual([]);
      shares[file] = (tags.v1 ?? 0) / sent;
      expect(Math.abs((shares[file] ?? 0) - share), `${file}: ${JSON.stringify(tags)}`).toBeLessThan(0.03);
    }
    const { failures, sent } = await load.stop();
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(2000);
  });

  it('given a reviews instance that hangs, takes it out; killed, it is started again and comes back', async () => {
    const health = async () => {
      const endpoints = await periplusJson<{ workload?: string; health: string }[]>('get', 'endpoints', 'reviews');
      return endpoints.find(({ workload }) => workload?.startsWith('reviews-v2'))?.health;
    };
    const pid = appPid('reviews', 'v2');
    expect(await health()).toBe('healthy');
    process.kill(pid, 'SIGSTOP');
    await waitFor(async () => (await health()) === 'unhealthy', { what: 'reviews-v2 to leave', limitMs: 30_000 });
    process.kill(pid, 'SIGKILL');
    await waitFor(async () => (await health()) === 'healthy', { what: 'reviews-v2 to come back', limitMs: 30_000 });
    const history = await periplusJson<{ type: string }[]>(
      'events',
      '--type',
      'io.periplus.registry.workload-health-reported',
    );
    expect(history.length).toBeGreaterThanOrEqual(2);
  });

  it('given a route that Envoys reject, keeps the old one serving and says who refused it and why', async () => {
    const file = join(scratch, 'rejected.yaml');
    const original = readFileSync(join(root, 'examples/bookinfo/canary-90-10.yaml'), 'utf8');
    // Envoy is started with Istio's limit of 32,768 instructions a program, which Pilot does not count.
    const huge = 'a{1000}'.repeat(40);
    writeFileSync(
      file,
      original.replace(
        'http:',
        `http:\n    - match: [{ uri: { regex: '${huge}' } }]\n      route: [{ destination: { host: reviews, subset: v3 } }]`,
      ),
    );
    const applied = await periplus(['apply', '-f', file, '--wait', '--timeout', '30s']);
    expect(applied.code, applied.stdout + applied.stderr).toBe(1);
    expect(applied.stdout + applied.stderr).toMatch(/-v1\.default RDS: .* RE2 program size of 40004/);
    const load = startLoad({ url: reviewsUrl, perSecond: 100, tagOf: versionOf });
    await waitFor(() => load.sent() >= 300, { what: '300 requests' });
    const { failures } = await load.stop();
    expect(failures).toEqual([]);
    expect((await periplus(['proxy-status'])).stdout).toMatch(/ERROR/);
    const repaired = await periplus(['apply', '-f', 'examples/bookinfo/canary-90-10.yaml', '--wait']);
    expect(repaired.code, repaired.stdout + repaired.stderr).toBe(0);
    expect((await periplus(['proxy-status'])).stdout).not.toMatch(/ERROR/);
  });

  it('looks back: who changed the route, and what it was', async () => {
    const history = await periplusJson<{ position: number; actor: string; data: { spec: unknown } }[]>(
      'history',
      'VirtualService/reviews',
    );
    expect(history.length).toBeGreaterThanOrEqual(4);
    for (const event of history) expect(event.actor).not.toBe('');
    const shifted = history.find(({ data }) => JSON.stringify(data).includes('"weight":50'));
    const then = await periplus(['at', String(shifted?.position), 'get', 'virtualservice', 'reviews', '-o', 'yaml']);
    expect(then.code).toBe(0);
    expect(then.stdout.match(/weight: 50/g)).toHaveLength(2);
    const routes = await periplus([
      'at',
      String(shifted?.position),
      'proxy-config',
      'routes',
      'productpage-v1.default',
      '-o',
      'json',
    ]);
    expect(routes.stdout.match(/"weight": ?50/g)).toHaveLength(2);
  });

  it('replays equal, twice, while running and after', async () => {
    const first = await periplus(['replay', '--verify']);
    expect(first.code, first.stdout + first.stderr).toBe(0);
  });

  it('Ctrl-C stops everything it started and leaves the log; the next start continues from it', async () => {
    const configEvents = () => periplusJson<unknown[]>('events', '--subject', 'config', '--limit', '1000');
    const before = await configEvents();
    expect(await up.stop('SIGINT')).toBe(0);
    expect(processesOf(scratch), up.output).toEqual([]);
    const offline = await periplus(['replay', '--verify', '--log', `sqlite:${join(data, 'log')}`]);
    expect(offline.code, offline.stdout + offline.stderr).toBe(0);
    up = new RunningPeriplus(['up', '--data', data]);
    await up.untilServing(`${gateway}/productpage`, 60_000);
    expect(before.length).toBeGreaterThan(10);
    expect(await configEvents()).toEqual(before);
    const again = await periplus(['replay', '--verify']);
    expect(again.code, again.stdout + again.stderr).toBe(0);
  });
});

/** Process ids whose command line matches every word. */
function pidsMatching(...words: string[]): number[] {
  return globSync('/proc/[0-9]*/cmdline').flatMap((file) => {
    try {
      const line =
        readFileSync(file, 'utf8').replaceAll('\0', ' ') +
        readFileSync(file.replace('cmdline', 'environ'), 'utf8').replaceAll('\0', ' ');
      return words.every((word) => line.includes(word)) ? [Number(file.split('/')[2])] : [];
    } catch {
      return []; // the process ended meanwhile
    }
  });
}

function appPid(app: string, version: string): number {
  const [pid] = pidsMatching('examples/bookinfo', app, version);
  if (pid === undefined) throw new Error(`no process of ${app} ${version}`);
  return pid;
}

const processesOf = (folder: string) => pidsMatching(folder).filter((pid) => pid !== process.pid);
