import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { StrangerRoom } from './stranger-room.ts';

/** A room for three, and what was closed in it. */
function room() {
  let nowMs = 0;
  const closed: string[] = [];
  const of = new StrangerRoom({ maxInside: 3, turnMs: 100, crowdTurnMs: 40 }, () => nowMs);
  const sockets = new Map<string, Socket>();
  /** `address/number`. */
  const socket = (name: string) => {
    const known = sockets.get(name) ?? (Object({ destroy: () => closed.push(name) }) as Socket);
    sockets.set(name, known);
    return known;
  };
  const addressOf = (name: string) => name.split('/')[0] ?? '';
  return {
    closed,
    enter: (name: string) => of.enter(socket(name), addressOf(name)),
    leave: (name: string) => of.leave(socket(name), addressOf(name)),
    /** Passes without a look at the room. */
    freeze: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe('room for strangers', () => {
  it('lets in up to its bound, and again when one has shown to be useful', () => {
    const { enter, leave, closed } = room();
    expect(['a/1', 'a/2', 'a/3', 'a/4'].map(enter)).toEqual([true, true, true, false]);
    leave('a/2');
    expect(enter('a/4')).toBe(true);
    expect(closed).toEqual([]);
  });

  it('closes the oldest for one that waits when its turn is over, not before', () => {
    const { enter, freeze, closed } = room();
    for (const name of ['a/1', 'a/2', 'a/3']) enter(name);
    for (let ms = 0; ms < 100; ms += 20) {
      expect(enter('a/4')).toBe(false);
      freeze(20);
    }
    freeze(1);
    expect(enter('a/4')).toBe(true);
    expect(closed).toEqual(['a/1']);
  });

  it('makes an address with most inside give way earlier, to others alone', () => {
    const { enter, freeze, closed } = room();
    for (const name of ['a/1', 'a/2', 'a/3']) enter(name);
    freeze(41);
    expect([enter('a/4'), enter('b/1'), enter('b/2')]).toEqual([false, true, false]);
    expect(closed).toEqual(['a/1']);
  });

  it('does not count time in which the process did not run', () => {
    const { enter, freeze, closed } = room();
    for (const name of ['a/1', 'a/2', 'a/3']) enter(name);
    freeze(60_000);
    expect(enter('a/4')).toBe(false);
    expect(closed).toEqual([]);
  });

  it('forgets one that is gone, once', () => {
    const { enter, leave } = room();
    for (const name of ['a/1', 'a/2', 'a/3']) enter(name);
    leave('a/1');
    leave('a/1');
    expect([enter('a/4'), enter('a/5')]).toEqual([true, false]);
  });
});
