// Looking back: for moments among 500 random changes `at` shows exactly what the Envoy held then.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HeldResources, heldByEnvoy, heldResources } from './support/config-dump.ts';
import { freePorts } from './support/free-port.ts';
import { periplus, RunningPeriplus } from './support/periplus.ts';
import { randomChanges } from './support/random-changes.ts';
import { waitFor } from './support/wait-for.ts';

const changes = 500;
const every = 20;

describe('at', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-history-'));
  let server: RunningPeriplus;
  let sidecar: RunningPeriplus;
  let adminUrl = '';
  let envoyAdmin = 0;

  beforeAll(async () => {
    const [admin = 0, xds = 0, envoy = 0, status = 0] = await freePorts(4);
    adminUrl = `http://127.0.0.1:${admin}`;
    envoyAdmin = envoy;
    mkdirSync(join(scratch, 'config'));
    server = new RunningPeriplus(
      [
        'serve',
        '--roles',
        'pilot,adapters',
        '--log',
        `sqlite:${join(scratch, 'log')}`,
        '--config',
        join(scratch, 'config'),
      ].concat(['--admin-port', String(admin), '--xds-port', String(xds), '--data', scratch]),
    );
    await server.untilServing(`${adminUrl}/readyz`);
    sidecar = new RunningPeriplus(
      [
        'sidecar',
        '--name',
        'client-v1',
        '--address',
        '127.77.0.1',
        '--label',
        'app=client',
        '--pilot',
        `127.0.0.1:${xds}`,
      ].concat([
        '--envoy-admin-port',
        String(envoy),
        '--status-port',
        String(status),
        '--ready-port',
        '0',
        '--prometheus-port',
        '0',
        '--concurrency',
        '1',
        '--data',
        scratch,
        '--drain',
        '1s',
        '--interception-mode',
        'REDIRECT',
      ]),
    );
    await sidecar.untilServing(`http://127.0.0.1:${envoy}/ready`);
  });
  afterAll(async () => {
    await sidecar.stop();
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  it(`given ${changes} random changes, shows for every ${every}th what /config_dump showed then`, async () => {
    const next = randomChanges(20261122);
    const captured = new Map<number, HeldResources>();
    for (let i = 1; i <= changes; i++) {
      const { path, body } = next();
      const response = await fetch(`${adminUrl}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const answer = await response.text();
      expect(response.status, answer).toBe(200);
      if (i % every !== 0) continue;
      const { position } = JSON.parse(answer) as { position: number };
      captured.set(position, await settled());
    }
    expect(captured.size).toBeGreaterThanOrEqual(20);

    for (const [position, envoy] of captured) {
      const { code, stdout, stderr } = await periplus([
        'at',
        String(position),
        'proxy-config',
        'all',
        'client-v1.default',
        '-o',
        'json',
        '--server',
        adminUrl,
      ]);
      expect(code, stderr).toBe(0);
      const told = JSON.parse(stdout) as {
        resources: Parameters<typeof heldResources>[0] & Record<string, JsonObject[]>;
      };
      expect(heldResources(told.resources), `at position ${position}`).toEqual(envoy);
    }
  }, 300_000);

  it('replays equal after all of it', async () => {
    const { code, stdout, stderr } = await periplus(['replay', '--verify', '--server', adminUrl]);
    expect(code, stdout + stderr).toBe(0);
  });

  /** What Envoy holds once every proxy is in sync and its own dump has stopped changing. */
  async function settled(): Promise<HeldResources> {
    let last = '';
    let held: HeldResources | undefined;
    await waitFor(
      async () => {
        const { stdout } = await periplus(['proxy-status', '-o', 'json', '--server', adminUrl]);
        if (/"STALE"|"NOT SENT"/.test(stdout.replaceAll('NOT_SENT', ''))) return false;
        held = await heldByEnvoy(envoyAdmin);
        if (held === undefined) return false;
        const text = JSON.stringify(held);
        const same = text === last;
        last = text;
        return same;
      },
      { what: 'the proxy to settle' },
    );
    if (held === undefined) throw new Error('nothing was read');
    return held;
  }
});
