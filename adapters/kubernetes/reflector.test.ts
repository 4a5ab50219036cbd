import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { ApiServerFixture } from './api-server-fixture.ts';
import { KubernetesClient } from './client.ts';
import { ClusterIdentity } from './cluster-identity.ts';
import { defaultReflectorTiming, type ReflectorTiming, reflect } from './reflector.ts';

const pods = '/api/v1/pods';
const pod = (name: string) => ({ metadata: { name, namespace: 'x' } });

let server: ApiServerFixture;
const controller: { current: AbortController } = { current: new AbortController() };

beforeEach(async () => {
  server = await ApiServerFixture.start();
  controller.current = new AbortController();
});
afterEach(async () => {
  controller.current.abort();
  await server.stop();
});

/** Follows pods; `present` is what a listener that does as it is told believes to exist. */
function follow(timing: Partial<ReflectorTiming> = {}, limits: ConstructorParameters<typeof KubernetesClient>[1] = {}) {
  const client = new KubernetesClient({ server: server.url, name: 'test' }, limits);
  const present = new Set<string>();
  const troubles: string[] = [];
  const delays: number[] = [];
  const said = { lists: 0 };
  /** Keeps what it was asked for, and waits a hundredth of it. */
  const sleep: typeof systemClock.sleep = (ms, signal) => {
    delays.push(ms);
    return systemClock.sleep(ms / 100, signal);
  };
  const ended = reflect<string>(
    {
      client,
      identity: new ClusterIdentity(client),
      path: pods,
      clock: { ...systemClock, sleep },
      random: () => 1,
      timing: { ...defaultReflectorTiming, ...timing },
      read: ({ metadata }) => metadata.name ?? '',
      onList: (names) => {
        said.lists++;
        present.clear();
        for (const name of names) present.add(name);
      },
      onChange: (change, name) => (change === 'set' ? present.add(name) : present.delete(name)),
      onTrouble: (error) => troubles.push(error === undefined ? 'well' : messageOf(error)),
    },
    controller.current.signal,
  );
  return {
    present,
    troubles,
    delays,
    said,
    ended,
    until: (what: string, isSo: () => boolean) => waitFor(isSo, { everyMs: 2, what }),
  };
}

const watches = () => server.requests.filter((url) => url.includes('watch=1'));

describe('a reflector', () => {
  it('continues from the last event or bookmark after a break, without listing again', async () => {
    server.put(pods, pod('a'));
    const { present, said, until } = follow();
    await until('a watch', () => watches().length === 1);
    server.put(pods, pod('b'));
    await until('b', () => present.has('b'));
    server.put('/api/v1/nodes', { metadata: { name: 'n' } });
    server.bookmark();
    server.put(pods, pod('c'));
    server.remove(pods, 'a', 'x');
    await until('c', () => present.has('c') && !present.has('a'));
    server.cut();
    server.put(pods, pod('d'));
    await until('d', () => present.has('d'));
    expect(said.lists).toBe(1);
    expect([...present].sort()).toEqual(['b', 'c', 'd']);
  });

  it('uses the version of a bookmark, so that compaction of older events does not matter', async () => {
    server.put(pods, pod('a'));
    const { present, said, until } = follow();
    await until('a watch', () => watches().length === 1);
    for (let index = 0; index < 5; index++) server.put('/api/v1/nodes', { metadata: { name: `n${index}` } });
    server.bookmark();
    server.compact();
    server.endWatches();
    await until('another watch', () => watches().length === 2);
    server.put(pods, pod('b'));
    await until('b', () => present.has('b'));
    expect(said.lists).toBe(1);
  });

  it('lists again on 410, and sees what had gone meanwhile', async () => {
    server.put(pods, pod('a'));
    const { present, said, until } = follow();
    await until('a watch', () => watches().length === 1);
    server.cut();
    server.remove(pods, 'a', 'x');
    server.put(pods, pod('b'));
    server.compact();
    await until('b alone', () => present.has('b') && !present.has('a'));
    expect(said.lists).toBe(2);
  });

  it('takes a watch that says nothing for dead', async () => {
    const { present, until } = follow({ silenceMs: 60 });
    await until('a watch', () => watches().length === 1);
    server.isMute = true;
    server.put(pods, pod('a'));
    server.isMute = false;
    await until('a', () => present.has('a'));
    expect(watches().length).toBeGreaterThan(1);
  });

  it('waits longer after each failure, up to the maximum, and says what is wrong until it is well', async () => {
    server.token = 'another';
    const { delays, troubles, until } = follow({ backoffMs: { min: 100, max: 1_000 } });
    await until('six tries', () => delays.length >= 6);
    expect(delays.slice(0, 6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(troubles[0]).toMatch(/401/);
    server.token = undefined;
    await until('well', () => troubles.at(-1) === 'well');
  });

  it('leaves a server that is too busy alone for as long as it asks', async () => {
    server.put(pods, pod('a'));
    server.busySeconds = 3;
    const { troubles, delays, present, until } = follow();
    await until('a pause', () => delays.length > 0);
    expect(delays[0]).toBeGreaterThan(3_000);
    expect(troubles[0]).toMatch(/answered 429 .*too many requests/);
    server.busySeconds = undefined;
    await until('the list', () => present.has('a'));
  });

  it('does not hammer a server whose every watch fails', async () => {
    server.put(pods, pod('a'));
    const { delays, until } = follow({ backoffMs: { min: 100, max: 1_000 } });
    const compacting = setInterval(() => {
      server.put(pods, pod('a'));
      server.compact();
      server.endWatches();
    }, 1);
    await until('many tries', () => delays.length >= 8);
    clearInterval(compacting);
    expect(Math.max(...delays)).toBeGreaterThan(100);
  });

  it('gives up an answer that is larger than its bound', async () => {
    for (let index = 0; index < 50; index++) server.put(pods, pod(`pod-${index}`));
    const { troubles, until } = follow({}, { maxAnswerBytes: 1_000 });
    await until('trouble', () => troubles.length > 0);
    expect(troubles[0]).toMatch(/larger than 1000 bytes/);
  });

  it('ends at once when told to', async () => {
    const { ended, until } = follow();
    await until('a watch', () => watches().length === 1);
    controller.current.abort();
    await ended;
  });
});
