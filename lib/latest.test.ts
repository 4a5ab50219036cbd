import { describe, expect, it } from 'vitest';
import { Latest } from './latest.ts';

describe('Latest', () => {
  it('given a slow reader, coalesces what came in between', async () => {
    const stop = new AbortController();
    const channel = new Latest<number>();
    channel.set(1);
    const reader = channel.watch(stop.signal);
    expect((await reader.next()).value).toBe(1);
    channel.set(2);
    channel.set(3);
    expect((await reader.next()).value).toBe(3);
    stop.abort();
    expect((await reader.next()).done).toBe(true);
  });

  it('given the identical value again, wakes nobody', async () => {
    const stop = new AbortController();
    const channel = new Latest<string>();
    channel.set('a');
    const reader = channel.watch(stop.signal);
    await reader.next();
    const next = reader.next();
    channel.set('a');
    channel.set('b');
    expect((await next).value).toBe('b');
  });

  it('given a reader that waits, ends it on abort', async () => {
    const stop = new AbortController();
    const pending = new Latest<number>().watch(stop.signal).next();
    stop.abort();
    expect((await pending).done).toBe(true);
  });
});
