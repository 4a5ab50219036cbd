// Deliveries are recorded in batches and in order, and survive a log that is away, within bounds.
import { describe, expect, it } from 'vitest';
import type { AppendResult, EventLog } from '../../events/event-log.ts';
import { MemoryLog } from '../../events/logs/memory.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import { DeliveriesRecorder } from './deliveries-recorder.ts';
import type { RecorderLimits } from './delivery-writer.ts';
import { contextFor } from './xds/ads-client-fixture.ts';
import type { PushRecord, StreamIdentity } from './xds/stream-observer.ts';

const stream: StreamIdentity = {
  streamId: 's-1',
  proxyId: 'sidecar~10.0.0.1~a.default~d',
  peer: '127.0.0.1:1',
  userAgent: 'envoy/1.40.0',
  protocol: 'delta',
  context: contextFor('~10.0.0.1'),
};

function push(nonce: string, hash = 'h'): PushRecord {
  const manifest = { hash, resources: [['a', 'v1']] as const, removed: [] };
  return {
    typeUrl: 't',
    nonce,
    position: 7,
    whole: false,
    first: false,
    bytes: 10,
    kept: [],
    manifest: () => manifest,
  };
}

const answer = { typeUrl: 't', nonce: 'n1', position: 7, first: false, latencyMs: 3, sent: () => [] };

function recorderOn(deliveries: EventLog, limits: Partial<RecorderLimits> = {}, isPushing?: () => boolean) {
  const recorder = new DeliveriesRecorder({
    deliveries,
    clock: systemClock,
    logger: silentLogger,
    pilot: 'p',
    limits: { flushMs: 1, ...limits },
    ...(isPushing && { isPushing }),
  });
  const stop = new AbortController();
  const ended = recorder.run(stop.signal);
  return {
    recorder,
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
}

async function typesIn(log: EventLog): Promise<string[]> {
  const types: string[] = [];
  for await (const event of log.read()) types.push(event.type.replace('io.periplus.delivery.', ''));
  return types;
}

/** A log that refuses as `answer` says. */
function refusing(
  log: EventLog,
  answer: (batch: number, size: number, firstId: string) => Error | undefined,
): EventLog {
  let batches = 0;
  return new Proxy(log, {
    get(target, property) {
      if (property !== 'append') return Reflect.get(target, property).bind(target);
      return (batch: Parameters<EventLog['append']>[0]): Promise<AppendResult> => {
        const error = answer(++batches, batch.length, batch[0]?.event.id ?? '');
        return error ? Promise.reject(error) : target.append(batch);
      };
    },
  });
}

describe('DeliveriesRecorder', () => {
  it('writes what happened in order, each manifest once and before its push, and flushes on stop', async () => {
    const log = new MemoryLog();
    const { recorder, stop } = recorderOn(log);
    recorder.connected(stream, 7);
    recorder.pushed(stream, push('n1'));
    recorder.acknowledged(stream, answer);
    recorder.pushed(stream, push('n2'));
    recorder.rejected(stream, { ...answer, nonce: 'n2', code: 3, message: 'no' });
    recorder.disconnected(stream, 'gone');
    await stop();
    expect(await typesIn(log)).toEqual([
      'proxy-connected',
      'manifest-recorded',
      'pushed',
      'acknowledged',
      'pushed',
      'rejected',
      'proxy-disconnected',
    ]);
    expect(recorder.buffered).toBe(0);
  });

  it('gives each event an id that a retry repeats', async () => {
    const log = new MemoryLog();
    for (let run = 0; run < 2; run++) {
      const { recorder, stop } = recorderOn(log);
      recorder.pushed(stream, push('n1'));
      recorder.acknowledged(stream, answer);
      await stop();
    }
    expect(await typesIn(log)).toEqual(['manifest-recorded', 'pushed', 'acknowledged']);
  });

  it('keeps events while the log is away', async () => {
    const log = new MemoryLog();
    const { recorder, stop } = recorderOn(
      refusing(log, (batch) => (batch <= 2 ? new MeshError('unavailable', 'away') : undefined)),
    );
    recorder.connected(stream, 7);
    await expect.poll(() => typesIn(log)).toEqual(['proxy-connected']);
    await stop();
    expect(recorder.dropped).toBe(0);
  });

  it('waits while proxies are being served, not when too much waits', async () => {
    const log = new MemoryLog();
    let [isPushing, looks] = [true, 0];
    const look = () => {
      looks++;
      return isPushing;
    };
    const { recorder, stop } = recorderOn(log, { maxPushingMs: 600_000, maxPushingEvents: 2 }, look);
    recorder.connected(stream, 7);
    recorder.acknowledged(stream, answer);
    await expect.poll(() => looks).toBeGreaterThan(3);
    expect(await typesIn(log)).toEqual([]);
    recorder.disconnected(stream, 'gone');
    await expect.poll(() => typesIn(log)).toHaveLength(3);
    recorder.connected(stream, 8);
    isPushing = false;
    await expect.poll(() => recorder.buffered).toBe(0);
    await stop();
  });

  it('drops beyond its bound, and counts', async () => {
    const log = new MemoryLog();
    const { recorder, stop } = recorderOn(
      refusing(log, () => new MeshError('unavailable', 'away')),
      { maxBuffered: 3, stopMs: 10 },
    );
    for (let i = 0; i < 5; i++) recorder.pushed(stream, push(`n${i}`));
    expect(recorder.dropped).toBe(2);
    await stop();
    expect(recorder.dropped).toBeGreaterThanOrEqual(5);
  });

  it('loses only the event that the log refuses', async () => {
    const log = new MemoryLog();
    const bad = 'p/s-1/acknowledged/t/n1';
    const refusal = new MeshError('invalid', 'bad event');
    const { recorder, stop } = recorderOn(
      refusing(log, (_, size, first) => (size > 1 || first === bad ? refusal : undefined)),
    );
    recorder.connected(stream, 7);
    recorder.acknowledged(stream, answer);
    recorder.disconnected(stream, 'gone');
    await stop();
    expect(await typesIn(log)).toEqual(['proxy-connected', 'proxy-disconnected']);
    expect(recorder.dropped).toBe(1);
  });
});
