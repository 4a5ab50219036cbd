import { describe, expect, it } from 'vitest';
import { configSubject } from '../events/config-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import type { Append, AppendResult } from '../events/event-log.ts';
import { MemoryLog } from '../events/logs/memory.ts';
import type { ConfigResource, Service } from '../events/model.ts';
import type { Clock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { MeshError } from '../lib/mesh-error.ts';
import type { Adapter, AdapterSink, Observed } from './adapter.ts';
import { AdapterRunner, type AdapterRunnerOptions } from './runner.ts';

const clock: Clock = { nowMs: () => Date.parse('2026-01-01T00:00:00.000Z'), sleep: () => Promise.resolve() };

const service = (name: string, labels: Record<string, string> = {}): Observed => {
  const value: Service = {
    hostname: `${name}.default.svc.cluster.local`,
    name,
    namespace: 'default',
    platform: 'files',
    addresses: [],
    ports: [],
    labels,
    resolution: 'STATIC',
    location: 'MESH_INTERNAL',
  };
  return { kind: 'service', value };
};
const rule = (name: string, host: string): Observed & { kind: 'config' } => ({
  kind: 'config',
  value: {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    namespace: 'default',
    name,
    spec: { hosts: [host] },
  },
});

/** Runs `script` as an adapter's run over `log`; returns the runner and what was appended. */
async function runScript(
  log: MemoryLog,
  script: (sink: AdapterSink) => Promise<void>,
  options: Partial<AdapterRunnerOptions> & { readonly instance?: string } = {},
) {
  const adapter: Adapter = { platform: 'files', instance: options.instance ?? 'demo', run: script };
  const runner = new AdapterRunner({ adapter, log, clock, logger: silentLogger, ...options });
  const from = (await log.head()).position + 1;
  await runner.run(new AbortController().signal);
  return { runner, events: await allOf(log, from) };
}

async function allOf(log: MemoryLog, from = 1): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const event of log.read({ from })) events.push(event);
  return events;
}

const shortOf = (events: readonly RecordedEvent[]) =>
  events.map(({ type, subject }) => `${type.split('.').at(-1)} ${subject.split('/').at(-1)?.split('.')[0]}`);

describe('AdapterRunner', () => {
  it('appends what is new, changed and gone, in one batch, and nothing when nothing differs', async () => {
    const log = new MemoryLog();
    const { events } = await runScript(log, async (sink) => {
      await sink.replace('a', [service('one'), service('two')]);
      await sink.replace('a', [service('two'), service('one')]);
      await sink.replace('a', [service('two', { v: '2' }), service('three')]);
    });
    expect(shortOf(events)).toEqual([
      'service-registered one',
      'service-registered two',
      'service-registered three',
      'service-registered two',
      'service-deregistered one',
    ]);
    expect(events[4]).toMatchObject({
      source: '/adapters/files/demo#a',
      actor: 'adapter:files',
      version: 2,
      data: { namespace: 'default', hostname: 'one.default.svc.cluster.local', platform: 'files' },
    });
  });

  it('gives content that comes back after it had gone a new id', async () => {
    const { events } = await runScript(new MemoryLog(), async (sink) => {
      for (const items of [[service('one')], [], [service('one')], [], [service('one')]])
        await sink.replace('a', items);
    });
    expect(shortOf(events)).toEqual([
      'service-registered one',
      'service-deregistered one',
      'service-registered one',
      'service-deregistered one',
      'service-registered one',
    ]);
  });

  it('continues after a restart without events when nothing changed', async () => {
    const log = new MemoryLog();
    const script = async (sink: AdapterSink) => {
      await sink.replace('a', [service('one'), rule('v', 'x')]);
      await sink.replace('b b/#', [service('two')]);
      await sink.synced(['a', 'b b/#']);
    };
    await runScript(log, script);
    const { events, runner } = await runScript(log, script);
    expect(events).toEqual([]);
    expect(runner.status.value).toMatchObject({ state: 'synced', heldCount: 0 });
  });

  it('deregisters the scopes that vanished while it was away, once synced', async () => {
    const log = new MemoryLog();
    await runScript(log, async (sink) => {
      await sink.replace('a', [service('one')]);
      await sink.replace('b', [service('two')]);
    });
    const { events } = await runScript(log, async (sink) => {
      await sink.replace('a', [service('one')]);
      await sink.synced(['a']);
    });
    expect(shortOf(events)).toEqual(['service-deregistered two']);
  });

  it('keeps everything of a scope that is said to exist but could not be read', async () => {
    const log = new MemoryLog();
    await runScript(log, async (sink) => sink.replace('a', [service('one')]));
    const { events, runner } = await runScript(log, async (sink) => {
      sink.problem('a', 'a.yaml:1:1  broken');
      await sink.synced(['a']);
    });
    expect(events).toEqual([]);
    expect([...(runner.status.value?.problems ?? [])]).toEqual([['a', 'a.yaml:1:1  broken']]);
  });

  it('keeps everything while the platform is lost', async () => {
    const { events, runner } = await runScript(new MemoryLog(), async (sink) => {
      await sink.replace('a', [service('one')]);
      sink.lost('connection refused');
    });
    expect(shortOf(events)).toEqual(['service-registered one']);
    expect(runner.status.value).toMatchObject({ state: 'lost', reason: 'connection refused' });
  });

  it('deregisters nothing where the content may be incomplete', async () => {
    const { events } = await runScript(new MemoryLog(), async (sink) => {
      await sink.replace('a', [service('one')]);
      await sink.replace('a', [service('two')], { keepMissing: true, time: '2025-01-01T00:00:00.000Z' });
      await sink.replace('a', [service('two')]);
    });
    expect(shortOf(events)).toEqual(['service-registered one', 'service-registered two', 'service-deregistered one']);
    expect(events[1]?.time).toBe('2025-01-01T00:00:00.000Z');
  });

  it('moves things between scopes without a gap', async () => {
    const log = new MemoryLog();
    const { events } = await runScript(log, async (sink) => {
      await sink.replaceAll(
        new Map([
          ['a', [service('one')]],
          ['b', [service('two')]],
        ]),
      );
      await sink.replaceAll(
        new Map([
          ['a', [service('two')]],
          ['b', [service('one')]],
        ]),
      );
      await sink.replaceAll(
        new Map([
          ['a', []],
          ['b', [service('one'), service('two')]],
        ]),
      );
      await sink.synced(['b']);
    });
    expect(shortOf(events)).toEqual(['service-registered one', 'service-registered two']);
  });

  it('refuses a thing that is shown twice and writes nothing', async () => {
    const log = new MemoryLog();
    const run = runScript(log, async (sink) => sink.replace('a', [service('one'), service('one', { v: '2' })]));
    await expect(run).rejects.toMatchObject({ code: 'invalid' });
    expect((await log.head()).position).toBe(0);
  });

  describe('ownership', () => {
    const byUser = (value: ConfigResource): Append => ({
      event: {
        id: `user-${JSON.stringify(value.spec)}`,
        source: '/admin',
        type: 'io.periplus.config.applied',
        subject: configSubject(value),
        time: '2026-01-01T00:00:01.000Z',
        actor: 'user:anna',
        causes: [],
        data: value,
      },
    });

    it("leaves a user's later change alone until the source's own content changes", async () => {
      const log = new MemoryLog();
      const file = async (sink: AdapterSink) => sink.replace('a', [rule('v', 'file')]);
      await runScript(log, file);
      await log.append([byUser(rule('v', 'user').value)]);
      expect((await runScript(log, file)).events).toEqual([]);
      const { events } = await runScript(log, async (sink) => sink.replace('a', [rule('v', 'new')]));
      expect(events).toMatchObject([{ version: 3, data: { spec: { hosts: ['new'] } } }]);
    });

    it('writes after a user who was quicker, though it had not seen that yet', async () => {
      const log = new MemoryLog();
      const { events } = await runScript(log, async (sink) => {
        await sink.replace('a', [rule('v', 'file')]);
        await log.append([byUser(rule('v', 'user').value)]);
        await sink.replace('a', [rule('v', 'new'), rule('w', 'new')]);
      });
      expect(events.map(({ source, version }) => `${source} ${version}`)).toEqual([
        '/adapters/files/demo#a 1',
        '/admin 2',
        '/adapters/files/demo#a 3',
        '/adapters/files/demo#a 1',
      ]);
    });

    it('does not touch what another instance of the platform said', async () => {
      const log = new MemoryLog();
      await runScript(log, async (sink) => sink.replace('a', [service('one')]), { instance: 'other' });
      const { events } = await runScript(log, async (sink) => sink.synced([]));
      expect(events).toEqual([]);
    });
  });

  it('tries again while the log is unavailable, and writes once though an acknowledgement was lost', async () => {
    let appends = 0;
    class ShakyLog extends MemoryLog {
      override async append(batch: readonly Append[]): Promise<AppendResult> {
        appends++;
        if (appends === 1) throw new MeshError('unavailable', 'not now');
        const result = await super.append(batch);
        if (appends === 2) throw new MeshError('unavailable', 'acknowledgement lost');
        return result;
      }
    }
    const { events } = await runScript(new ShakyLog(), async (sink) => {
      await sink.replace('a', [service('one')]);
      await sink.replace('a', [service('one'), service('two')]);
    });
    expect(shortOf(events)).toEqual(['service-registered one', 'service-registered two']);
    expect(appends).toBe(3);
  });

  it('holds a loss that its policy finds too sudden, and applies it when the policy lets go', async () => {
    let verdict: 'hold' | 'apply' = 'hold';
    const judged: string[] = [];
    const lossPolicy: AdapterRunnerOptions['lossPolicy'] = ({ before, lost }) => {
      judged.push(`${lost} of ${before}: ${verdict}`);
      return verdict;
    };
    const log = new MemoryLog();
    let nowMs = clock.nowMs();
    const laterClock: Clock = { ...clock, nowMs: () => nowMs };
    const held = await runScript(
      log,
      async (sink) => {
        await sink.replace('a', [service('one'), service('two')]);
        await sink.replace('a', [service('three')]);
      },
      { lossPolicy, clock: laterClock },
    );
    expect(shortOf(held.events)).toEqual([
      'service-registered one',
      'service-registered two',
      'service-registered three',
      'loss-held demo',
    ]);
    expect(held.runner.status.value).toMatchObject({ heldCount: 2, heldUntil: '2026-01-01T00:10:00.000Z' });
    verdict = 'apply';
    nowMs += 1_000;
    const released = await runScript(log, async (sink) => sink.replace('a', [service('three')]), {
      lossPolicy,
      clock: laterClock,
    });
    expect(shortOf(released.events)).toEqual(['service-deregistered one', 'service-deregistered two']);
    expect(released.runner.status.value?.heldCount).toBe(0);
    expect(judged).toEqual(['2 of 2: hold', '2 of 3: apply']);
  });
});
