// Two adapter processes of one platform on a real NATS server: one writes, also when it is paused for longer than its lease and comes back.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { openJetStreamLogs } from '../events/logs/jetstream.ts';
import { freePorts } from './support/free-port.ts';
import { TestNats } from './support/nats.ts';
import { RunningPeriplus } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

const nats = await TestNats.start();
const why = nats instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${nats.why}`;
const scratch = mkdtempSync(join(tmpdir(), 'periplus-leases-'));

/** Lease and pause of the holder. The long one is the product's default, for a machine with time (PERIPLUS_LONG_TESTS=1). */
const cases = [
  { leaseSeconds: 2, pauseMs: 5_000 },
  ...(process.env.PERIPLUS_LONG_TESTS === undefined ? [] : [{ leaseSeconds: 15, pauseMs: 30_000 }]),
];

const serviceEntry = (name: string, address: string) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: default }
spec:
  hosts: [${name}.mesh]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: ${address} }]
`;

interface Replica {
  readonly name: string;
  readonly health: string;
  readonly process: RunningPeriplus;
}

describe.skipIf(why !== '')(`two replicas of one adapter${why}`, () => {
  const server = nats as TestNats;
  const running: RunningPeriplus[] = [];
  let meshes = 0;

  afterEach(async () => {
    for (const { process } of running) process.kill('SIGCONT');
    await Promise.all(running.splice(0).map((process) => process.stop()));
  });
  afterAll(async () => {
    await server.dispose();
    rmSync(scratch, { recursive: true, force: true });
  });

  const start = (name: string, port: number, url: string, folder: string): Replica => {
    const where = ['--data', join(scratch, name), '--name', name, '--admin-port', String(port)];
    const process = new RunningPeriplus(['serve', '--roles', 'adapters', '--log', url, '--config', folder, ...where]);
    running.push(process);
    return { name, health: `http://127.0.0.1:${port}`, process };
  };
  const detailOf = async ({ health }: Replica) => {
    const response = await fetch(`${health}/readyz`);
    const { checks } = (await response.json()) as { checks: { name: string; ready: boolean; detail: string }[] };
    return checks.find(({ name }) => name === 'adapter files default')?.detail ?? '';
  };
  const stands = async (replica: Replica) => (await detailOf(replica)).startsWith('standby');
  const standbyMetric = async ({ health }: Replica) =>
    /periplus_adapter_standby\{[^}]*\} (\d)/.exec(await (await fetch(`${health}/metrics`)).text())?.[1];

  it.each(cases)(
    'lease $leaseSeconds s, holder paused $pauseMs ms: no change is lost, none is doubled',
    async (times) => {
      const mesh = `pause-${++meshes}`;
      const url = `${server.url(mesh)}?monitoring=${server.monitoringPort}&lease=${times.leaseSeconds}`;
      const folder = join(scratch, mesh);
      mkdirSync(folder);
      const write = (name: string, address: string) =>
        writeFileSync(join(folder, `${name}.yaml`), serviceEntry(name, address));
      write('steady', '10.0.0.1');
      const [one = 0, two = 0] = await freePorts(2);
      const replicas = [start(`${mesh}-a`, one, url, folder), start(`${mesh}-b`, two, url, folder)];
      for (const { process, health } of replicas) await process.untilServing(`${health}/readyz`);

      const holder = (await stands(replicas[0] as Replica)) ? replicas[1] : replicas[0];
      const standby = replicas.find((replica) => replica !== holder);
      if (!holder || !standby) throw new Error('no holder');
      expect(await stands(standby)).toBe(true);
      expect((await fetch(`${standby.health}/readyz`)).status).toBe(200);
      expect(await detailOf(standby)).toMatch(new RegExp(`standby: ${holder.name}/`));
      expect([await standbyMetric(holder), await standbyMetric(standby)]).toEqual(['0', '1']);

      const { facts, deliveries } = await openJetStreamLogs(url);
      try {
        const appliedTo = async (name: string) => {
          const addresses: string[] = [];
          for await (const { data } of facts.read({ subject: `config/ServiceEntry/default/${name}` }))
            addresses.push((data as { spec: { endpoints: { address: string }[] } }).spec.endpoints[0]?.address ?? '');
          return addresses;
        };
        const until = (name: string, addresses: readonly string[]) =>
          waitFor(async () => JSON.stringify(await appliedTo(name)) === JSON.stringify(addresses), {
            limitMs: 60_000,
            what: () => `${name} to be ${addresses.join()}: ${holder.process.output}\n${standby.process.output}`,
          });
        await until('steady', ['10.0.0.1']);

        // Paused with a change under way: the holder has been told of it, or not, and says so when it wakes.
        const pausedMs = performance.now();
        holder.process.process.kill('SIGSTOP');
        write('steady', '10.0.0.2');
        write('new', '10.0.1.1');
        await until('steady', ['10.0.0.1', '10.0.0.2']);
        await until('new', ['10.0.1.1']);
        write('steady', '10.0.0.3');
        await until('steady', ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
        await waitFor(() => performance.now() - pausedMs >= times.pauseMs, { limitMs: 120_000, what: 'the pause' });
        holder.process.process.kill('SIGCONT');
        await waitFor(() => stands(holder), { what: () => `the old holder to stand by: ${holder.process.output}` });
        write('last', '10.0.2.1');
        await until('last', ['10.0.2.1']);

        // The writer stops in order: the old holder gets the lease back at once and has nothing to repeat.
        await standby.process.stop();
        await waitFor(async () => (await detailOf(holder)) === 'synced', {
          what: () => `the lease back: ${holder.process.output}`,
        });
        write('last', '10.0.2.2');
        await until('last', ['10.0.2.1', '10.0.2.2']);
        expect(await appliedTo('steady')).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
        expect(await appliedTo('new')).toEqual(['10.0.1.1']);
        expect(await facts.verify()).toMatchObject({ ok: true });
        const sessions: unknown[] = [];
        for await (const { data } of facts.read({ subject: 'registry/files/session/default' }))
          sessions.push((data as { holder: string }).holder.split('/')[0]);
        expect(sessions).toEqual([holder.name, standby.name, holder.name]);
      } finally {
        await Promise.all([facts.close(), deliveries.close()]);
      }
    },
  );
});
