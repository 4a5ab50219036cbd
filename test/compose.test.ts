// docker-compose.yml on a real Docker engine: up, traffic, unchanged applications captured, a canary, Pilots killed, down and up again.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Engine, findEngine } from './support/docker.ts';
import { freePorts } from './support/free-port.ts';
import { startLoad } from './support/load.ts';
import { periplus, periplusJson, root } from './support/periplus.ts';
import { mustRun, type ProgramResult, runProgram } from './support/run-program.ts';
import { waitFor } from './support/wait-for.ts';

const found = await findEngine();
const why = 'why' in found ? `: skipped, no Docker engine can be had: ${found.why}` : '';

interface ProxyStatus {
  readonly name: string;
  readonly connected: boolean;
  readonly types: readonly { readonly state: string }[];
}

const proxies = [
  'details-v1.default',
  'ingressgateway.istio-system',
  'productpage-v1.default',
  'ratings-v1.default',
  'reviews-v1.default',
  'reviews-v2.default',
  'reviews-v3.default',
];

/** The images are made before; this is from `up` to the first page. The issue's promise. */
const upLimitMs = 60_000;
const minutes = (count: number) => count * 60_000;

describe.skipIf(why !== '')(`docker compose${why}`, () => {
  const engine = found as Engine;
  let env: NodeJS.ProcessEnv = {};
  let gateway = '';
  let server = '';

  const composeArgs = (args: readonly string[]) => [...engine.compose.slice(1), '-p', 'periplus-test', ...args];
  const compose = (args: readonly string[], limitMs = minutes(3)) =>
    mustRun(engine.compose[0], composeArgs(args), { cwd: root, env, limitMs });
  const exec = (service: string, ...command: string[]): Promise<ProgramResult> =>
    runProgram(engine.compose[0], composeArgs(['exec', '-T', service, ...command]), { cwd: root, env });
  const versionOfReviews = async () => {
    const response = await fetch(`${gateway}/api/v1/products/0/reviews`).catch(() => undefined);
    if (response?.status !== 200) return undefined;
    return ((await response.json()) as { version?: string }).version;
  };
  const statusAt = async (pilot: string): Promise<readonly ProxyStatus[]> => {
    const { code, stdout, output } = await exec(pilot, 'periplus', 'proxy-status', '-o', 'json');
    if (code !== 0) throw new Error(output);
    return JSON.parse(stdout) as readonly ProxyStatus[];
  };
  /** Envoys' streams that a Pilot has itself: the log would still count those of a Pilot that was killed. Agents use the other protocol. */
  const openStreams = async (pilot: string) => {
    const script = "fetch('http://127.0.0.1:15014/metrics').then((r) => r.text()).then(console.log)";
    const { stdout } = await exec(pilot, 'node', '-e', script);
    return Number(/^pilot_xds\{protocol="delta"\} (\d+)$/m.exec(stdout)?.[1] ?? 0);
  };
  const allAt = (status: readonly ProxyStatus[]) =>
    status.filter(({ connected }) => connected).map(({ name, types }) => [name, types.map(({ state }) => state)]);
  const allSynced = proxies.map((name) => [name, ['SYNCED', 'SYNCED', 'SYNCED', 'SYNCED']]);
  const up = async () => {
    const startedMs = performance.now();
    // `up` waits for the conditions between services, so the gateway is healthy when it returns.
    await compose(['up', '-d']);
    await waitFor(async () => (await versionOfReviews()) !== undefined, { what: 'reviews through the gateway' });
    return performance.now() - startedMs;
  };
  const headOfLog = async () =>
    (await periplusJson<readonly { position: number }[]>('events', '--limit', '1', '--server', server)).at(-1)
      ?.position ?? 0;

  beforeAll(async () => {
    const [gatewayPort = 0, adminPort = 0, prometheusPort = 0] = await freePorts(3);
    gateway = `http://127.0.0.1:${gatewayPort}`;
    server = `http://127.0.0.1:${adminPort}`;
    env = {
      ...engine.env,
      PERIPLUS_GATEWAY_PORT: String(gatewayPort),
      PERIPLUS_ADMIN_PORT: String(adminPort),
      PERIPLUS_PROMETHEUS_PORT: String(prometheusPort),
    };
    await runProgram(engine.compose[0], composeArgs(['down', '-v']), { cwd: root, env, limitMs: minutes(2) });
    process.stderr.write('building the images of this checkout …\n');
    await compose(['build', 'pilot-1', 'gateway'], minutes(15));
  }, minutes(20));

  afterAll(async () => {
    await runProgram(engine.compose[0], composeArgs(['down', '-v']), { cwd: root, env, limitMs: minutes(2) });
    await engine.dispose();
  }, minutes(3));

  it(
    'serves through the gateway within 60 s',
    async () => {
      expect(await up()).toBeLessThan(upLimitMs);
    },
    minutes(4),
  );

  it('has every proxy in sync, at both Pilots', async () => {
    for (const pilot of ['pilot-1', 'pilot-2'])
      await waitFor(async () => JSON.stringify(allAt(await statusAt(pilot))) === JSON.stringify(allSynced), {
        what: `every proxy to be in sync as ${pilot} sees it`,
      });
  });

  it('captures the calls of applications that know of no proxy', async () => {
    const call = "fetch('http://ratings:9080/ratings/0').then((r) => console.log(r.status, r.headers.get('server')))";
    const inside = await exec('reviews-v2', 'node', '-e', call);
    expect(inside.stdout.trim(), inside.output).toBe('200 envoy');
    // The capture itself, by the kernel's counter, not only by what Envoy writes into answers.
    const captured = await exec('reviews-v2-pod', 'iptables', '-t', 'nat', '-L', 'PERIPLUS_REDIRECT', '-v', '-n', '-x');
    expect(Number(/^\s*(\d+)\s+\d+\s+REDIRECT/m.exec(captured.stdout)?.[1]), captured.output).toBeGreaterThan(0);
  });

  it('gives a capability to the pods alone, and no writable file system', async () => {
    for (const service of ['pilot-1', 'reviews-v2-sidecar', 'reviews-v2', 'gateway']) {
      const status = await exec(
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
      return (await exec('reviews-v2-sidecar', 'node', '-e', script)).stdout.trim();
    };
    expect(await ask('')).toBe('401');
    const made = await exec('pilot-1', 'periplus', 'admin', 'token', 'create', 'sidecar', '--role', 'read');
    expect(made.code, made.output).toBe(0);
    expect(await ask(made.stdout.trim())).toBe('200');
    expect((await periplusJson<readonly object[]>('admin', 'token', 'list', '--server', server)).length).toBe(1);
  });

  it('applies a canary from the host', async () => {
    const file = 'examples/bookinfo/canary-v3.yaml';
    const { code, stdout, stderr } = await periplus(['apply', '-f', file, '--wait', '--server', server]);
    expect(code, stdout + stderr).toBe(0);
    // `--wait` counts the proxies of the Pilot that was asked; those of the other follow at once.
    const versions = async () => new Set(await Promise.all(Array.from({ length: 20 }, versionOfReviews)));
    await waitFor(async () => [...(await versions())].join() === 'v3', {
      what: 'the canary at every proxy',
      limitMs: 10_000,
    });
  });

  it(
    'loses no request when one Pilot after the other is killed',
    async () => {
      const load = startLoad({
        url: `${gateway}/api/v1/products/0/reviews`,
        perSecond: 20,
        tagOf: (body) => /"version":"(v\d)"/.exec(body)?.[1] ?? body,
      });
      const pilots = ['pilot-1', 'pilot-2'] as const;
      for (const [index, killed] of pilots.entries()) {
        const other = pilots[1 - index] ?? 'pilot-1';
        await compose(['kill', '-s', 'SIGKILL', killed]);
        const served = async () => (await openStreams(other)) === proxies.length;
        await waitFor(served, { limitMs: 60_000, everyMs: 500, what: `every proxy to be at ${other}` });
        await compose(['start', killed]);
        await waitFor(async () => (await exec(killed, 'answers', '15015', '/readyz')).code === 0, {
          limitMs: 60_000,
          everyMs: 500,
          what: `${killed} to be ready again`,
        });
      }
      const { sent, tags, failures } = await load.stop();
      expect(failures).toEqual([]);
      expect(tags).toEqual({ v3: sent });
      expect(sent).toBeGreaterThan(40);
      const replay = await exec('pilot-2', 'periplus', 'replay', '--verify');
      expect(replay.code, replay.output).toBe(0);
    },
    minutes(5),
  );

  it('has its metrics in Prometheus', async () => {
    const url = `http://127.0.0.1:${env.PERIPLUS_PROMETHEUS_PORT}/api/v1/query?query=up`;
    const upTargets = async () => {
      const answer = (await (await fetch(url)).json()) as {
        data: { result: { metric: { job: string }; value: [number, string] }[] };
      };
      return answer.data.result.filter(({ value }) => value[1] === '1').map(({ metric }) => metric.job);
    };
    await waitFor(async () => (await upTargets()).length === 10, { what: 'ten targets to be up', limitMs: 60_000 });
  });

  it(
    'continues from its log after down and up',
    async () => {
      const versionsBefore = await periplusJson<readonly unknown[]>('history', 'vs/reviews', '--server', server);
      const before = await headOfLog();
      await compose(['down']);
      await up();
      expect(await periplusJson('history', 'vs/reviews', '--server', server)).toEqual(versionsBefore);
      expect(versionsBefore).toHaveLength(2);
      expect(await headOfLog()).toBeGreaterThanOrEqual(before);
      expect(await versionOfReviews()).toBe('v3');
      await waitFor(async () => JSON.stringify(allAt(await statusAt('pilot-1'))) === JSON.stringify(allSynced), {
        what: 'every proxy to be in sync again',
      });
      const replay = await exec('pilot-1', 'periplus', 'replay', '--verify');
      expect(replay.code, replay.output).toBe(0);
    },
    minutes(6),
  );
});
