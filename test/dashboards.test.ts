// A real Prometheus that scrapes the demo: every query of every Grafana dashboard has an answer, and a breached objective shows what changed.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guardChild } from '../agent/watchdog.ts';
import { demoInstances, gatewayAddress } from '../run/demo-plan.ts';
import { freePorts } from './support/free-port.ts';
import { periplus, RunningPeriplus, root } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

const gateway = 'http://127.0.0.1:8080';
const folder = join(root, 'deploy/grafana/dashboards');
const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;
const why = hasPrometheus ? '' : ': skipped, there is no prometheus on the PATH (Debian: apt install prometheus)';

interface DashboardJson {
  readonly title: string;
  readonly templating: { readonly list: readonly { readonly name: string }[] };
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

const dashboards = readdirSync(folder).map(
  (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as DashboardJson,
);

it('the files are as bin/dashboards/ has them', () => {
  const { status, stderr } = spawnSync(process.execPath, ['bin/generate-dashboards.ts', '--check'], { cwd: root });
  expect(status, String(stderr)).toBe(0);
});

describe.skipIf(!hasPrometheus)(`Grafana’s dashboards over the demo${why}`, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-dashboards-'));
  let up: RunningPeriplus;
  let prometheus: ChildProcess | undefined;
  let url = '';
  let tcpPort = 0;

  beforeAll(async () => {
    let port = 0;
    [tcpPort = 0, port = 0] = await freePorts(2);
    url = `http://127.0.0.1:${port}`;
    up = new RunningPeriplus(['up', '--data', join(scratch, 'data')]);
    await up.untilServing(`${gateway}/productpage`, 90_000);
    await apply('slo', objective);
    const rules = await periplus(['slo', '--rules']);
    expect(rules.code, rules.stderr).toBe(0);
    writeFileSync(join(scratch, 'rules.yml'), rules.stdout);
    writeFileSync(join(scratch, 'prometheus.yml'), scrapeConfig);
    const storage = ['--storage.tsdb.path', join(scratch, 'tsdb'), '--web.listen-address', `127.0.0.1:${port}`];
    prometheus = spawn('prometheus', ['--config.file', join(scratch, 'prometheus.yml'), ...storage], {
      stdio: 'ignore',
    });
    guardChild(prometheus);
  }, 180_000);
  afterAll(async () => {
    prometheus?.kill();
    await up.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  async function apply(name: string, yaml: string): Promise<void> {
    const file = join(scratch, `${name}.yaml`);
    writeFileSync(file, yaml);
    const { code, stdout, stderr } = await periplus(['apply', '-f', file, '--wait', '--timeout', '60s']);
    expect(code, stdout + stderr).toBe(0);
  }

  async function emptyQueries(): Promise<string[]> {
    const empty: string[] = [];
    for (const { title, panels } of dashboards) {
      for (const panel of panels) {
        for (const { expr } of panel.targets) {
          const query = filledIn(expr);
          const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
          const answer = (await response.json()) as Answer;
          expect(answer.status, `${title}: ${panel.title}: ${query}: ${answer.error}`).toBe('success');
          const values = answer.data.result.map(({ value }) => Number(value[1]));
          if (values.every(Number.isNaN)) empty.push(`${title}: ${panel.title}: ${query}`);
        }
      }
    }
    return empty;
  }

  it('have no query without an answer', async () => {
    await waitFor(async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true, {
      what: 'Prometheus to be ready',
      limitMs: 60_000,
    });
    // A push that Prometheus sees happen: what it measures is empty before.
    const scraped = async () =>
      (await (await fetch(`${url}/api/v1/query?query=pilot_xds_acks_total`)).text()).includes('"lds"');
    await waitFor(scraped, { what: 'the first scrape of Pilot', limitMs: 60_000 });
    await apply('tcp', tcpGateway(tcpPort));
    let empty: string[] = [];
    await waitFor(
      async () => {
        for (let i = 0; i < 10; i++) await (await fetch(`${gateway}/productpage`)).arrayBuffer();
        await tcpRequest(tcpPort);
        empty = await emptyQueries();
        return empty.length === 0;
      },
      { what: () => `answers to ${empty.join('\n')}`, everyMs: 1000, limitMs: 90_000 },
    );
    const queries = dashboards.flatMap(({ panels }) => panels.flatMap(({ targets }) => targets));
    expect(queries.length).toBeGreaterThan(50);
  }, 180_000);

  it('`periplus check mtls` names who sends plaintext by what sidecars counted, and nobody before', async () => {
    const look = () => periplus(['check', 'mtls', '--minutes', '5', '--prometheus', url]);
    const before = await look();
    expect(before.code, before.stdout + before.stderr).toBe(0);
    expect(before.stdout).toMatch(/^nobody: .*and no sidecar counted any/);
    const reviews = demoInstances.find(({ app }) => app === 'reviews');
    // Past the caller's sidecar, to the port where the server's takes plaintext as well as mutual TLS.
    const direct = { host: 'reviews:9080' };
    let shown = before;
    await waitFor(
      async () => {
        await (await fetch(`http://${reviews?.address}:9080/reviews/0`, { headers: direct })).arrayBuffer();
        shown = await look();
        return shown.code !== 0;
      },
      { what: () => `plaintext to be counted; so far ${shown.stdout}${shown.stderr}`, everyMs: 500, limitMs: 60_000 },
    );
    expect(shown.code, shown.stdout + shown.stderr).toBe(1);
    expect(shown.stdout).toMatch(
      /^CALLER +\(no sidecar\) → reviews\.default\.svc\.cluster\.local +\d+ requests without mutual TLS/m,
    );
  }, 90_000);

  it('given a fault that is switched on, `periplus slo` shows the breach beside the change that made it', async () => {
    const look = async () => {
      const { code, stdout, stderr } = await periplus(['slo', '--hours', '1', '--prometheus', url, '-o', 'json']);
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout) as Slo;
    };
    expect(await look()).toMatchObject({ objectives: [{ id: 'default/reviews' }], breaches: [] });
    await apply('fault', fault);
    let seen: Slo | undefined;
    await waitFor(
      async () => {
        for (let i = 0; i < 10; i++) await (await fetch(`${gateway}/productpage`)).arrayBuffer();
        seen = await look();
        return seen.breaches.length > 0;
      },
      { what: () => `a breach; so far ${JSON.stringify(seen)}`, everyMs: 500, limitMs: 90_000 },
    );
    const [breach] = seen?.breaches ?? [];
    expect(breach?.slo).toBe('default/reviews');
    expect(breach?.events.map(({ subject }) => subject)).toContain('config/VirtualService/default/reviews');
    expect((await periplus(['slo', '--hours', '1', '--prometheus', url])).stdout).toMatch(/default\/reviews .*BURNING/);
  }, 180_000);
});

interface Slo {
  readonly objectives: readonly { readonly id: string }[];
  readonly breaches: readonly { readonly slo: string; readonly events: readonly { readonly subject: string }[] }[];
}

const objective = `apiVersion: slo.periplus.io/v1
kind: ServiceLevelObjective
metadata: { name: reviews, namespace: default }
spec: { service: reviews, target: 99, window: 30d, availability: {} }
`;

const fault = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: default }
spec:
  hosts: [reviews]
  http:
    - fault: { abort: { httpStatus: 503, percentage: { value: 100 } } }
      route: [{ destination: { host: reviews, subset: v1 } }]
`;

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

/** With Grafana's variables as a person would choose them. */
function filledIn(expr: string): string {
  const chosen = {
    service: 'reviews.default.svc.cluster.local',
    workload: 'reviews-v1|productpage-v1',
    namespace: 'default',
  };
  return Object.entries(chosen)
    .reduce((text, [name, value]) => text.replaceAll(`$${name}`, value), expr)
    .replaceAll('$__rate_interval', '2m');
}

/** As deploy/prometheus.yml, for the demo's addresses. */
const scrapeConfig = `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
scrape_configs:
  - job_name: pilot
    static_configs: [{ targets: ['127.0.0.1:15015'] }]
  - job_name: proxies
    metrics_path: /stats/prometheus
    static_configs: [{ targets: [${[...demoInstances.map(({ address }) => address), gatewayAddress].map((address) => `'${address}:15020'`).join()}] }]
`;

const tcpGateway = (port: number) => `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: tcp, namespace: default }
spec:
  selector: { istio: ingressgateway }
  servers: [{ port: { number: ${port}, name: tcp, protocol: TCP }, bind: 127.0.0.1, hosts: ['*'] }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: tcp, namespace: default }
spec:
  hosts: ['*']
  gateways: [tcp]
  tcp: [{ match: [{ port: ${port} }], route: [{ destination: { host: details, port: { number: 9080 } } }] }]
`;

function tcpRequest(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write('GET /details/0 HTTP/1.1\r\nhost: details:9080\r\nconnection: close\r\n\r\n'),
    );
    socket
      .resume()
      .on('error', reject)
      .on('close', () => resolve());
  });
}
