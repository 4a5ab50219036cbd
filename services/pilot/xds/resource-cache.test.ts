// Groups by context: one translation per group and snapshot, the newest snapshot for all, the last good one where translation fails.
import { describe, expect, it } from 'vitest';
import { builderOf, configApplied, recorded, resourceOf } from '../../../mesh/snapshot-fixture.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import type { Translation } from '../translate/translation.ts';
import { contextFor } from './ads-client-fixture.ts';
import { ResourceCache, type Translate } from './resource-cache.ts';
import { translationOf } from './xds-fixture.ts';

const builder = builderOf({});
const snapshot = () => {
  builder.apply(recorded(configApplied(resourceOf('Gateway', `g${builder.position}`, {})), builder.position + 1));
  return builder.snapshot();
};

function cacheOf(translate: Translate, nowMs: () => number = () => 0) {
  const failures: string[] = [];
  const cache = new ResourceCache({
    translate,
    clock: { nowMs },
    onFailure: ({ error }) => failures.push(String(error)),
  });
  return { cache, failures };
}

class Stream {
  readonly updates: Translation[] = [];
  update(translation: Translation): void {
    this.updates.push(translation);
  }
}

const positions = (stream: Stream) => stream.updates.map(({ position }) => position);
const context = (ip: string) => contextFor(`~${ip}`);

describe('ResourceCache', () => {
  it('translates once for streams with equal contexts', async () => {
    const calls: ProxyContext[] = [];
    const { cache } = cacheOf((s, c) => {
      calls.push(c);
      return translationOf(s.position, {});
    });
    const [a, b, c] = [new Stream(), new Stream(), new Stream()];
    await cache.publish(snapshot());
    cache.join(a, context('1'));
    cache.join(b, { ...context('1'), labels: {} });
    cache.join(c, context('2'));
    expect(calls).toHaveLength(2);
    const next = snapshot();
    await cache.publish(next);
    expect(calls).toHaveLength(4);
    expect([a, b, c].map(positions)).toEqual([[next.position], [next.position], [next.position]]);
    expect(a.updates[0]).toBe(b.updates[0]);
  });

  it('gives nothing before the first snapshot, and then updates', async () => {
    const { cache } = cacheOf((s) => translationOf(s.position, {}));
    const stream = new Stream();
    expect(cache.join(stream, context('1'))).toBeUndefined();
    const first = snapshot();
    await cache.publish(first);
    expect(positions(stream)).toEqual([first.position]);
  });

  it('brings those not reached yet to the newest snapshot directly, and all to it in the end', async () => {
    const { cache } = cacheOf(
      (s) => translationOf(s.position, {}),
      (() => {
        let nowMs = 0;
        return () => (nowMs += 5); // every group takes long: each second one lets others in
      })(),
    );
    const streams = Array.from({ length: 6 }, () => new Stream());
    for (const [i, stream] of streams.entries()) cache.join(stream, context(String(i)));
    const [older, newer] = [snapshot(), snapshot()];
    const done = cache.publish(older);
    await Promise.all([done, cache.publish(newer)]);
    expect(streams.map((stream) => positions(stream).at(-1))).toEqual(streams.map(() => newer.position));
    expect(positions(streams.at(-1) ?? new Stream())).toEqual([newer.position]);
  });

  it('keeps the last good translation of a context that fails, and serves the others', async () => {
    let failing = false;
    const { cache, failures } = cacheOf((s, c) => {
      if (failing && c.addresses[0] === '1') throw new Error('broken');
      return translationOf(s.position, {});
    });
    const [bad, good] = [new Stream(), new Stream()];
    await cache.publish(snapshot());
    const before = cache.join(bad, context('1'));
    cache.join(good, context('2'));
    failing = true;
    const next = snapshot();
    await cache.publish(next);
    expect(failures).toEqual(['Error: broken']);
    expect([positions(bad), positions(good)]).toEqual([[], [next.position]]);
    expect(cache.translationOf(context('1'))).toBe(before);
    expect(() => cache.join(new Stream(), context('1'))).not.toThrow();
    failing = false;
    const healed = snapshot();
    await cache.publish(healed);
    expect(positions(bad)).toEqual([healed.position]);
  });

  it('refuses a context that has never been translated, and forgets groups without streams', async () => {
    let failing = true;
    const { cache } = cacheOf((s) => {
      if (failing) throw new Error('broken');
      return translationOf(s.position, {});
    });
    await cache.publish(snapshot());
    const stream = new Stream();
    expect(() => cache.join(stream, context('1'))).toThrow();
    expect(cache.groupCount).toBe(0);
    failing = false;
    expect(cache.join(stream, context('1'))).toBeDefined();
    cache.leave(stream, context('1'));
    expect(cache.groupCount).toBe(0);
  });
});
