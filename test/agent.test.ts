// The agent with a real Envoy: bootstraps that Envoy accepts, its life cycle, health reports, readiness and metrics.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Agent } from '../agent/agent.ts';
import type { AgentOptions } from '../agent/agent-options.ts';
import { bootstrapOf } from '../agent/bootstrap.ts';
import { gatewayOptions, sidecarOptions } from '../agent/bootstrap-fixture.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { configDump, envoyPath, freePort, startEnvoy, validateWithEnvoy } from './support/envoy.ts';
import { type FakePilot, startFakePilot } from './support/fake-pilot.ts';
import { waitFor } from './support/wait-for.ts';

const runs = (pid: number | undefined): boolean => {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('bootstraps', () => {
  it('are accepted by Envoy', async () => {
    expect(await validateWithEnvoy(bootstrapOf(sidecarOptions))).toBe('');
    expect(await validateWithEnvoy(bootstrapOf(gatewayOptions))).toBe('');
  });

  it('would not be accepted with a field that Envoy does not know', async () => {
    expect(await validateWithEnvoy({ ...bootstrapOf(gatewayOptions), no_such_field: 1 })).toContain('no_such_field');
  });

  it('start an Envoy that says in its dump who it is', async () => {
    const envoy = await startEnvoy(bootstrapOf({ ...gatewayOptions, admin: { address: '127.0.0.1', port: 0 } }));
    try {
      const dump = JSON.stringify(await configDump(envoy.adminPort));
      expect(dump).toContain('router~127.10.0.10~istio-ingressgateway.istio-system~istio-system.svc.cluster.local');
    } finally {
      await envoy.stop();
    }
    expect(runs(envoy.pid)).toBe(false);
  });
});

describe('an agent', () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-agent-'));
  let pilot: FakePilot;
  let app: Server;
  let appStatus = 200;
  let options: AgentOptions;
  let agent: Agent;
  let stop: AbortController;
  let ended: Promise<void>;
  const status = (path: string) => fetch(`http://127.0.0.1:${options.ports?.status}${path}`);

  beforeAll(async () => {
    pilot = await startFakePilot([
      { name: 'outbound|80||a.default.svc.cluster.local', type: 'STATIC', connectTimeout: '1s' },
    ]);
    app = createServer((request, response) => {
      response.writeHead(request.url === '/metrics' ? 200 : appStatus).end('app_requests_total 7\n');
    });
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    const address = app.address();
    const appUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    options = {
      identity: { addresses: ['127.0.0.1'], name: 'web-0', namespace: 'shop', labels: { app: 'web' } },
      // The first Pilot is not there: proxy and agent must both find the second.
      pilotAddresses: [`127.0.0.1:${await freePort()}`, pilot.address],
      envoy: await envoyPath(),
      folder,
      ports: {
        admin: await freePort(),
        status: await freePort(),
        readiness: await freePort(),
        prometheus: await freePort(),
      },
      concurrency: 1,
      drainSeconds: 2,
      probe: { url: `${appUrl}/health`, periodMs: 50, failureThreshold: 2 },
      appMetricsUrl: `${appUrl}/metrics`,
      logger: silentLogger,
      clock: systemClock,
    };
    agent = new Agent(options);
    stop = new AbortController();
    ended = agent.run(stop.signal);
  });
  afterAll(async () => {
    stop.abort();
    await ended;
    pilot.stop();
    app.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is ready when Envoy has its configuration, by its own port and through Envoy', async () => {
    await waitFor(async () => (await agent.readiness()).ready, { what: 'readiness' });
    expect((await status('/healthz/ready')).status).toBe(200);
    const throughEnvoy = await fetch(`http://127.0.0.1:${options.ports?.readiness}/healthz/ready`);
    expect([throughEnvoy.status, await throughEnvoy.text()]).toEqual([200, 'LIVE\n']);
    expect(pilot.proxies).toContain('sidecar~127.0.0.1~web-0.shop~shop.svc.cluster.local');
    expect(JSON.stringify(await agent.admin?.configDump())).toContain('outbound|80||a.default.svc.cluster.local');
  });

  it('reports the application’s health to Pilot, each change once', async () => {
    await waitFor(() => pilot.reports.length === 1, { what: 'the first report' });
    appStatus = 500;
    await waitFor(() => pilot.reports.length === 2, { what: 'a report of ill health' });
    expect((await status('/app-health')).status).toBe(503);
    appStatus = 200;
    await waitFor(() => pilot.reports.length === 3, { what: 'a report of recovery' });
    expect(pilot.reports.map(({ healthy }) => healthy)).toEqual([true, false, true]);
    expect(pilot.reports[1]?.reason).toContain('answered 500');
    expect(pilot.reports[1]?.nodeId).toContain('web-0.shop');
  });

  it('merges Envoy’s, the application’s and its own metrics', async () => {
    const text = await (await status('/stats/prometheus')).text();
    expect(text).toContain('app_requests_total 7');
    expect(text).toMatch(/envoy_cluster_manager_cds_update_success(\{\})? 1/);
    expect(text).toContain('periplus_agent_envoy_starts_total 1');
    expect(text).toContain('periplus_agent_scrape_failures_total{source="application"} 0');
    const envoysOwn = await fetch(`http://127.0.0.1:${options.ports?.prometheus}/stats/prometheus`);
    expect(await envoysOwn.text()).toContain('envoy_server_live');
    expect((await fetch(`http://127.0.0.1:${options.ports?.prometheus}/quitquitquit`, { method: 'POST' })).status).toBe(
      404,
    );
  });

  it('starts Envoy again when it dies', async () => {
    const { envoyPid } = agent;
    process.kill(envoyPid ?? 0, 'SIGKILL');
    await waitFor(() => agent.envoyPid !== undefined && agent.envoyPid !== envoyPid, { what: 'another Envoy' });
    await waitFor(async () => (await agent.readiness()).ready, { what: 'readiness' });
    expect((await status('/healthz/ready')).status).toBe(200);
  });

  it('says so to Pilot, and leaves no Envoy, when it is stopped', async () => {
    const { envoyPid } = agent;
    stop.abort();
    expect((await agent.readiness()).reason).toBe('stopping');
    await ended;
    expect(runs(envoyPid)).toBe(false);
    await waitFor(() => pilot.reports.at(-1)?.healthy === false, { what: 'the last report' });
  });
});

describe('an agent that is killed by kill -9', () => {
  it('leaves no Envoy behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'periplus-agent-'));
    const ports = { admin: 0, status: await freePort(), readiness: 0, prometheus: 0 };
    const identity = { addresses: ['127.0.0.1'], name: 'web-0', namespace: 'shop', labels: {} };
    const options = { identity, pilotAddresses: ['127.0.0.1:1'], envoy: await envoyPath(), folder, ports };
    const script = join(import.meta.dirname, 'support', 'run-agent.ts');
    const child = spawn(process.execPath, [script, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const envoyPid = Number(line.toString());
    expect(runs(envoyPid)).toBe(true);
    child.kill('SIGKILL');
    try {
      await waitFor(() => !runs(envoyPid), { what: 'Envoy’s end', limitMs: 10_000 });
    } finally {
      if (runs(envoyPid)) process.kill(envoyPid, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
