// docker-compose.yml on a real Docker engine: up, traffic, unchanged applications captured, a canary, Pilots killed, down and up again.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { provesFaults } from './compose-faults.ts';
import { allStreams, ComposeMesh, minutes } from './support/compose-mesh.ts';
import { type Engine, findEngine } from './support/docker.ts';
import { startLoad } from './support/load.ts';
import { periplus, periplusJson } from './support/periplus.ts';
import { commandsOf, expectations, shell } from './support/tour.ts';
import { waitFor } from './support/wait-for.ts';

const found = await findEngine();
const why = 'why' in found ? `: skipped, no Docker engine can be had: ${found.why}` : '';

/** The images are made before; this is from `up` to the first page. The issue's promise. */
const upLimitMs = 60_000;

describe.skipIf(why !== '')(`docker compose${why}`, () => {
  const mesh = new ComposeMesh(found as Engine);

  beforeAll(() => mesh.prepare(), minutes(20));
  afterAll(async () => {
    await mesh.remove();
    await (found as Engine).dispose();
  }, minutes(4));

  it(
    'serves through the gateway within 60 s',
    async () => {
      const tookMs = await mesh.up();
      process.stderr.write(`up took ${Math.round(tookMs)} ms\n`);
      expect(tookMs).toBeLessThan(upLimitMs);
    },
    minutes(4),
  );

  it('has every proxy in sync, at both Pilots', async () => {
    for (const pilot of ['pilot-1', 'pilot-2']) await mesh.untilSynced(pilot);
  });

  it('captures the calls of applications that know of no proxy', async () => {
    const call = "fetch('http://ratings:9080/ratings/0').then((r) => console.log(r.status, r.headers.get('server')))";
    const inside = await mesh.exec('reviews-v2', 'node', '-e', call);
    expect(inside.stdout.trim(), inside.output).toBe('200 envoy');
    // The capture itself, by the kernel's counter, not only by what Envoy writes into answers.
    const captured = await mesh.exec(
      'reviews-v2-pod',
      'iptables',
      '-t',
      'nat',
      '-L',
      'PERIPLUS_REDIRECT',
      '-v',
      '-n',
      '-x',
    );
    expect(Number(/^\s*(\d+)\s+\d+\s+REDIRECT/m.exec(captured.stdout)?.[1]), captured.output).toBeGreaterThan(0);
  });

  it('encrypts what goes between sidecars', async () => {
    const handshakes = async () => {
      const text = await mesh.page('ratings-v1-sidecar', 'http://127.0.0.1:15020/stats/prometheus');
      return Number(/^envoy_listener_ssl_handshake\{[^}]*15006"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    await waitFor(async () => (await handshakes()) > 0, {
      limitMs: 60_000,
      everyMs: 500,
      what: 'mutual TLS at ratings',
    });
  });

  it('serves proxies over mutual TLS alone', async () => {
    const reached = (port: number) =>
      `new Promise((r) => require('node:net').connect(${port}, 'pilot-1').on('connect', () => r('open')).on('error', (e) => r(e.code)))`;
    const script = `Promise.all([${[15010, 15012].map(reached).join()}]).then((all) => console.log(all.join()))`;
    const { stdout, output } = await mesh.exec('reviews-v2-sidecar', 'node', '-e', script);
    expect(stdout.trim(), output).toBe('ECONNREFUSED,open');
    const stats = await mesh.page('reviews-v2-sidecar', 'http://127.0.0.1:15020/stats/prometheus');
    expect(stats).toMatch(/^envoy_cluster_ssl_handshake\{[^}]*envoy_cluster_name="xds-grpc"[^}]*\} [1-9]/m);
  });

  it('gives each service a key of its own for NATS, which lets it write its own subjects alone', async () => {
    const write = async (log: string) => {
      const id = 'spiffe://cluster.local/ns/default/sa/nobody';
      return await mesh.exec('mixer', 'periplus', 'token', 'create', id, '--log', `nats://nats:4222${log}`);
    };
    const withoutKey = await write('');
    expect([withoutKey.code, withoutKey.output]).toEqual([1, expect.stringMatching(/NATS refuses the credentials/)]);
    const asMixer = await write('?nkey=/var/lib/periplus/nats.nk&inbox=_INBOX_mixer');
    expect([asMixer.code, asMixer.output]).toEqual([1, expect.stringMatching(/permissions violation/i)]);
    const seeds: string[] = [];
    for (const service of ['pilot-1', 'adapters', 'citadel', 'mixer']) {
      const { stdout } = await mesh.exec(
        service,
        'sh',
        '-c',
        'cd /var/lib/periplus && stat -c "%a %u" *.nk && cat *.nk',
      );
      const [mode, ...others] = stdout.trim().split('\n');
      expect(mode, service).toBe('600 1337');
      expect(others).toHaveLength(1);
      seeds.push(...others);
    }
    expect(new Set(seeds).size).toBe(4);
    // The guide's way to the key of who watches.
    const guide = ['run', '--rm', '-T', '--entrypoint', 'cat', 'nats-keys', '/services/keys/reader.nk'];
    expect((await mesh.compose(guide)).trim()).toMatch(/^SU[A-Z2-7]{56}$/);
  });

  it('gives a capability to the pods alone, and no writable file system', async () => {
    for (const service of ['pilot-1', 'reviews-v2-sidecar', 'reviews-v2', 'gateway']) {
      const status = await mesh.exec(
        service,
        'sh',
        '-c',
        'grep -E "^(CapEff|CapPrm|NoNewPrivs|Uid)" /proc/1/status; touch /x',
      );
      expect(status.output, service).toMatch(/CapPrm:\s+0{16}\n/);
      expect(status.output, service).toMatch(/CapEff:\s+0{16}\n/);
      expect(status.output, service).toMatch(/NoNewPrivs:\s+1\n/);
      expect(status.output, service).toMatch(/Uid:\s+(1337|1000)\s/);
      expect(status.output, service).toMatch(/Read-only file system/);
    }
  });

  it('asks containers for a token before they may use the admin API, and this machine for none', async () => {
    const ask = async (token: string) => {
      const script = `fetch('http://pilot-1:15015/api/v1/tokens', { headers: ${JSON.stringify(token ? { authorization: `Bearer ${token}` } : {})} }).then((r) => console.log(r.status))`;
      return (await mesh.exec('reviews-v2-sidecar', 'node', '-e', script)).stdout.trim();
    };
    expect(await ask('')).toBe('401');
    const made = await mesh.exec('pilot-1', 'periplus', 'admin', 'token', 'create', 'sidecar', '--role', 'read');
    expect(made.code, made.output).toBe(0);
    expect(await ask(made.stdout.trim())).toBe('200');
    expect((await periplusJson<readonly object[]>('admin', 'token', 'list', '--server', mesh.server)).length).toBe(1);
  });

  it(
    'has the README’s tour work, at its own ports',
    async () => {
      const before = await mesh.headOfLog();
      for (const line of commandsOf('A tour')) {
        const [, shows, expectedCode = 0] = expectations.find(([command]) => command.test(line)) ?? [/^/, /^\b$/];
        // The demo's log begins otherwise; which Pilot a proxy is at is chance.
        const here = line.replace('http://127.0.0.1:8080', mesh.gateway).replace('at 60 ', `at ${before} `);
        const there = new RegExp(shows.source.replace('7\\/7 proxies', '\\d+\\/\\d+ proxies'));
        const { code, stdout, stderr } = await shell(here, { PERIPLUS_SERVER: mesh.server });
        expect(code, here + stdout + stderr).toBe(expectedCode);
        expect(stdout, here).toMatch(there);
      }
    },
    minutes(3),
  );

  it('applies a canary from the host', async () => {
    const file = 'examples/bookinfo/canary-v3.yaml';
    const { code, stdout, stderr } = await periplus(['apply', '-f', file, '--wait', '--server', mesh.server]);
    expect(code, stdout + stderr).toBe(0);
    // `--wait` counts the proxies of the Pilot that was asked; those of the other follow at once.
    const versions = async () => new Set(await Promise.all(Array.from({ length: 20 }, () => mesh.versionOfReviews())));
    await waitFor(async () => [...(await versions())].join() === 'v3', {
      what: 'the canary at every proxy',
      limitMs: 10_000,
    });
  });

  it(
    'loses no request when one Pilot after the other is killed',
    async () => {
      const load = startLoad({
        url: `${mesh.gateway}/api/v1/products/0/reviews`,
        perSecond: 20,
        tagOf: (body) => /"version":"(v\d)"/.exec(body)?.[1] ?? body,
      });
      const pilots = ['pilot-1', 'pilot-2'] as const;
      for (const [index, killed] of pilots.entries()) {
        const other = pilots[1 - index] ?? 'pilot-1';
        await mesh.kill(killed);
        const served = async () => (await mesh.openStreams(other)) === allStreams;
        await waitFor(served, { limitMs: 60_000, everyMs: 500, what: `every proxy to be at ${other}` });
        await mesh.start(killed);
      }
      const { sent, tags, failures } = await load.stop();
      expect(failures).toEqual([]);
      expect(tags).toEqual({ v3: sent });
      expect(sent).toBeGreaterThan(40);
      const replay = await mesh.exec('pilot-2', 'periplus', 'replay', '--verify');
      expect(replay.code, replay.output).toBe(0);
    },
    minutes(5),
  );

  it('has its metrics in Prometheus', async () => {
    const url = `${mesh.prometheus}/api/v1/query?query=up`;
    const upTargets = async () => {
      const answer = (await (await fetch(url)).json()) as {
        data: { result: { metric: { job: string }; value: [number, string] }[] };
      };
      return answer.data.result.filter(({ value }) => value[1] === '1').map(({ metric }) => metric.job);
    };
    await waitFor(async () => (await upTargets()).length === 12, { what: 'twelve targets to be up', limitMs: 60_000 });
  });

  it(
    'brings the catalog of the profile consul into the mesh',
    async () => {
      await mesh.compose(['up', '-d', 'consul', 'consul-adapter']);
      const body = JSON.stringify({ Name: 'legacy', Address: '10.215.77.12', Port: 9080 });
      const register = async () => {
        const asked = fetch(`${mesh.consul}/v1/agent/service/register`, { method: 'PUT', body });
        return (await asked.catch(() => undefined))?.status === 200;
      };
      await waitFor(register, { limitMs: 60_000, everyMs: 500, what: 'Consul to take a service' });
      const services = () => periplusJson<readonly object[]>('get', 'services', '--server', mesh.server);
      await waitFor(async () => JSON.stringify(await services()).includes('legacy.service.consul'), {
        limitMs: 60_000,
        everyMs: 500,
        what: 'the service of Consul in the registry',
      });
      // An application reaches it by Consul's name, through its sidecar, which knows it from the registry.
      const call =
        "fetch('http://10.215.77.12:9080/details/0', { headers: { host: 'legacy.service.consul:9080' } }).then((r) => console.log(r.status))";
      await waitFor(async () => (await mesh.exec('reviews-v2', 'node', '-e', call)).stdout.trim() === '200', {
        limitMs: 60_000,
        everyMs: 500,
        what: 'an answer of the service of Consul',
      });
    },
    minutes(4),
  );

  describe('under load', () => provesFaults(mesh));

  it(
    'continues from its log after down and up, brought up by the other generation of Compose if there is one',
    async () => {
      const versionsBefore = await periplusJson<readonly unknown[]>('history', 'vs/reviews', '--server', mesh.server);
      const before = await mesh.headOfLog();
      await mesh.compose(['down']);
      mesh.switchCompose();
      await mesh.up();
      expect(await periplusJson('history', 'vs/reviews', '--server', mesh.server)).toEqual(versionsBefore);
      expect(versionsBefore).toHaveLength(3);
      expect(await mesh.headOfLog()).toBeGreaterThanOrEqual(before);
      expect(await mesh.versionOfReviews()).toBe('v3');
      await mesh.untilSynced('pilot-1');
      const replay = await mesh.exec('pilot-1', 'periplus', 'replay', '--verify');
      expect(replay.code, replay.output).toBe(0);
    },
    minutes(6),
  );

  for (const missing of 'why' in found ? [] : found.composes.missing)
    it.skip(`with ${missing}: it is not here`, () => {});
});
