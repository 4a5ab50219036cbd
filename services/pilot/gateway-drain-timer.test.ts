// The end of a drain reaches the log as a fact: once for each release, after the time that connections have.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MeshLogs } from '../../events/event-log.ts';
import { openMemoryLogs } from '../../events/logs/memory.ts';
import { Latest } from '../../lib/latest.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import { builderOf, configApplied, recorded, resourceOf } from '../../mesh/snapshot-fixture.ts';
import { GatewayDrainTimer } from './gateway-drain-timer.ts';

const gateway = (...hosts: string[]) =>
  configApplied(
    resourceOf('Gateway', 'shop', {
      servers: [{ port: { number: 443, name: 'https', protocol: 'HTTPS' }, hosts, tls: { mode: 'SIMPLE' } }],
    }),
  );

describe('the drain timer', () => {
  let logs: MeshLogs;
  let stop: AbortController;
  let wakes: (() => void)[];
  let running: Promise<unknown>;
  const snapshots = new Latest<Snapshot>();
  const builder = builderOf({});
  const step = (...hosts: string[]) => {
    builder.apply(recorded(gateway(...hosts), builder.position + 1));
    snapshots.set(builder.snapshot());
  };
  const timer = () =>
    new GatewayDrainTimer({
      facts: logs.facts,
      snapshots,
      clock: {
        nowMs: () => 0,
        sleep: (ms, signal) =>
          new Promise<void>((resolve, reject) => {
            expect(ms).toBe(60_000);
            wakes.push(resolve);
            signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
          }),
      },
      logger: silentLogger,
      pilot: 'test',
    });
  const until = async (condition: () => Promise<boolean> | boolean) => {
    for (let i = 0; i < 1000 && !(await condition()); i++) await new Promise((resolve) => setImmediate(resolve));
    expect(await condition()).toBe(true);
  };
  const facts = async () => {
    const found = [];
    for await (const { type, subject, data } of logs.facts.read()) found.push({ type, subject, data });
    return found;
  };
  const said = (through: number) => ({
    type: 'io.periplus.config.gateway-drained',
    subject: 'gateway-drain/default/shop',
    data: { namespace: 'default', name: 'shop', through },
  });

  beforeEach(() => {
    logs = openMemoryLogs();
    stop = new AbortController();
    wakes = [];
    running = Promise.resolve();
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  it('says once what two Pilots wait for, and waits again for what left meanwhile', async () => {
    step('a.com', 'b.com', 'c.com');
    running = Promise.all([timer().run(stop.signal), timer().run(stop.signal)]);
    step('b.com', 'c.com');
    await until(() => wakes.length === 2);
    step('c.com');
    for (const wake of wakes.splice(0)) wake();
    await until(() => wakes.length === 2);
    expect(await facts()).toEqual([said(2)]);
    for (const wake of wakes.splice(0)) wake();
    await until(async () => (await facts()).length === 2);
    expect(await facts()).toEqual([said(2), said(3)]);
  });
});
