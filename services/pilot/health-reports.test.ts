import { describe, expect, it, vi } from 'vitest';
import { openMemoryLogs } from '../../events/logs/memory.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { HealthReports } from './health-reports.ts';
import { contextFor } from './xds/ads-client-fixture.ts';
import type { StreamIdentity } from './xds/stream-observer.ts';

const stream = (streamId: string): StreamIdentity => ({
  streamId,
  proxyId: 'sidecar~10.0.0.1~a.default~default.svc.cluster.local',
  peer: '127.0.0.1:1',
  userAgent: 'test',
  protocol: 'delta',
  context: contextFor('sidecar~10.0.0.1~a.default~default.svc.cluster.local'),
});

describe('HealthReports', () => {
  it('given an agent that connects again and repeats itself, appends only what is new', async () => {
    const { facts } = openMemoryLogs();
    const stop = new AbortController();
    const reports = new HealthReports({ facts, clock: systemClock, logger: silentLogger, pilot: 'test' });
    const running = reports.run(stop.signal);
    const said = async () => {
      const healths: unknown[] = [];
      for await (const { data } of facts.read()) healths.push((data as { health: string }).health);
      return healths;
    };
    reports.report(stream('1'), { healthy: true, reason: '' });
    await vi.waitFor(async () => expect(await said()).toEqual(['healthy']));
    reports.report(stream('2'), { healthy: true, reason: '' });
    reports.report(stream('2'), { healthy: true, reason: '' });
    await new Promise((resolve) => setImmediate(resolve));
    reports.report(stream('2'), { healthy: false, reason: 'probe failed' });
    await vi.waitFor(async () => expect(await said()).toEqual(['healthy', 'unhealthy']));
    stop.abort();
    await running;
  });
});
