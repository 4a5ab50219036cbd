import { describe, expect, it } from 'vitest';
import { MemoryLog } from '../../../events/logs/memory.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { configApplied, resourceOf } from '../../../mesh/snapshot-fixture.ts';
import { contextFor } from '../xds/ads-client-fixture.ts';
import type { Translate } from '../xds/resource-cache.ts';
import { RejectionTracer, type TracedRejection } from './rejection-tracer.ts';

const typeUrl = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
const stream = {
  ...{ streamId: 's-1', proxyId: 'sidecar~10.0.0.1~a.default~d', peer: '127.0.0.1:1', userAgent: 'envoy' },
  ...{ protocol: 'delta' as const, context: contextFor('10.0.0.1') },
};

/** Route `80` depends on the VirtualServices that there are, and on nothing else. */
const translator = (): Translate => (snapshot) => {
  const version = snapshot.config
    .list('VirtualService')
    .map(({ name }) => name)
    .join();
  const set = { get: (name: string) => (name === '80' && version !== '' ? { version } : undefined) };
  return Object({ position: snapshot.position, resources: () => set });
};

/** What is found for a proxy that had taken the route at `good` and refused it at `bad`; letters name VirtualServices, others Gateways. */
async function causes(changes: string, good: number, bad: number): Promise<readonly string[]> {
  const facts = new MemoryLog();
  for (const [i, name] of Array.from(changes).entries()) {
    const kind = /[a-z]/.test(name) ? 'VirtualService' : 'Gateway';
    const rest = { id: `e${i + 1}`, source: '/test', time: '2026-01-01T00:00:00.000Z', actor: 'user:test', causes: [] };
    await facts.append([{ event: { ...configApplied(resourceOf(kind, name, {})), ...rest } }]);
  }
  const stop = new AbortController();
  const { promise, resolve } = Promise.withResolvers<TracedRejection>();
  const tracer = new RejectionTracer({
    ...{ source: { facts }, newTranslator: translator, logger: silentLogger, onTraced: resolve },
  });
  const version = Array.from(changes.slice(0, bad))
    .filter((name) => /[a-z]/.test(name))
    .join();
  const answer = { typeUrl, nonce: '1', first: false, latencyMs: 1, sent: () => [['80', version]] as const };
  tracer.acknowledged(stream, { ...answer, position: good });
  tracer.rejected(stream, { ...answer, position: bad, code: 13, message: 'no' });
  const running = tracer.run(stop.signal);
  const found = await promise;
  stop.abort();
  await running;
  return found.causes.map(({ id }) => id);
}

describe('a rejection', () => {
  it('comes from the event that gave the resource its content', async () => {
    expect(await causes('a12b34', 2, 6)).toEqual(['e4']);
  });

  it('comes from all events that changed the resource since the proxy took it, when it was sent them at once', async () => {
    expect(await causes('a1b23c4d', 2, 7)).toEqual(['e3', 'e6']);
    expect(await causes('abc', 1, 3)).toEqual(['e2', 'e3']);
    expect(await causes('abc', 2, 3)).toEqual(['e3']);
  });

  it('comes from an older event when nothing changed since', async () => {
    expect(await causes('ab123', 3, 5)).toEqual(['e2']);
  });
});
