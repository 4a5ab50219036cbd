import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import { decodeCloudEvent, encodeCloudEvent } from './cloud-event.ts';
import type { RecordedEvent } from './envelope.ts';
import { decodeEvent, encodeEvent } from './event-codec.ts';
import { eventHash, rollHash } from './event-hash.ts';
import { eventId } from './event-id.ts';
import { testEvent } from './logs/contract-fixture.ts';

const event: RecordedEvent = {
  ...testEvent('1', 'test/a', {
    causes: ['c'],
    traceparent: '00-a-b-01',
    dataversion: 2,
    data: { b: [1, 'x"\n'], a: null },
  }),
  specversion: '1.0',
  position: 3,
  version: 2,
  previousHash: 'h',
};

/** The same value with every object's members in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

describe('canonicalJson', () => {
  it('means the same as JSON.stringify, whatever the order of members', () => {
    fc.assert(
      fc.property(fc.jsonValue({ depthSize: 'large' }), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('orders members by UTF-16 code units, numbers in names too', () => {
    expect(canonicalJson({ b: 1, 10: 2, 9: 3, a: undefined, '\u{1F600}': 4, '\ufb33': 5 })).toBe(
      '{"10":2,"9":3,"b":1,"\u{1F600}":4,"\ufb33":5}',
    );
  });

  it('escapes as JSON does, lone surrogates included', () => {
    for (const text of ['"', '\\', '\n\u0000', '\ud800', 'a\udc00b', 'ü\u2028'])
      expect(canonicalJson(text)).toBe(JSON.stringify(text));
  });

  it('refuses what JSON cannot say', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, Symbol('s'), circle]) {
      expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ code: 'invalid' }));
    }
  });
});

describe('event codec', () => {
  it('writes canonical JSON and reads it back', () => {
    const text = encodeEvent(event);
    expect(text).toBe(canonicalJson(event));
    expect(decodeEvent(text)).toEqual(event);
    const { traceparent, dataversion, ...plain } = event;
    expect(encodeEvent(plain)).toBe(canonicalJson(plain));
  });

  it('refuses malformed text as corrupt, saying what is wrong', () => {
    const cases: [string, string][] = [
      ['{', 'not JSON'],
      ['[]', 'not an object'],
      ['null', 'not an object'],
      [canonicalJson({ ...event, specversion: '0.3' }), 'specversion'],
      [canonicalJson({ ...event, position: 0 }), 'position'],
      [canonicalJson({ ...event, version: 1.5 }), 'version'],
      [canonicalJson({ ...event, previousHash: undefined }), 'previousHash'],
      [canonicalJson({ ...event, id: '' }), 'id'],
      [canonicalJson({ ...event, subject: 7 }), 'subject'],
      [canonicalJson({ ...event, time: '2026-01-01' }), 'time'],
      [canonicalJson({ ...event, causes: 'c' }), 'causes'],
      [canonicalJson({ ...event, data: undefined }), 'data'],
    ];
    for (const [text, says] of cases) {
      expect(() => decodeEvent(text), text).toThrow(
        expect.objectContaining({ code: 'corrupt', message: expect.stringContaining(says) }),
      );
    }
  });

  it('goes through CloudEvents JSON unchanged, with legal attribute names', () => {
    const text = encodeCloudEvent(event);
    for (const name of Object.keys(JSON.parse(text))) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
    expect(decodeCloudEvent(text)).toEqual(event);
    for (const bad of ['', '{}', '[]', '7', text.replace('"position":"3"', '"position":"x"')]) {
      expect(() => decodeCloudEvent(bad)).toThrow(expect.objectContaining({ code: 'corrupt' }));
    }
  });
});

describe('hashes and ids', () => {
  it('change with every attribute', () => {
    const changes: Partial<RecordedEvent>[] = [
      { position: 4 },
      { version: 3 },
      { data: {} },
      { time: event.time.replace('0', '1') },
    ];
    const hashes = [event, ...changes.map((change) => ({ ...event, ...change }))].map(eventHash);
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(rollHash(rollHash('', 'a'), 'b')).not.toBe(rollHash(rollHash('', 'b'), 'a'));
  });

  it('give one occurrence one id, and another occurrence of equal content another', () => {
    const identity = { source: '/a', subject: 's', revision: 1, content: { x: 1, y: 2 } };
    expect(eventId(identity)).toMatch(/^[\w-]{22}$/);
    expect(eventId({ ...identity, content: { y: 2, x: 1 } })).toBe(eventId(identity));
    const others = [{ source: '/b' }, { subject: 't' }, { revision: 2 }, { revision: '1' }, { content: 1 }];
    const ids = others.map((change) => eventId({ ...identity, ...change }));
    expect(new Set([...ids, eventId(identity)]).size).toBe(6);
  });
});
