import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSpiffeId, parseSpiffeId } from './spiffe-id.ts';

const chars = (pool: string) => fc.string({ unit: fc.constantFrom(...pool.split('')), minLength: 1, maxLength: 60 });
const lower = 'abcxyz0189.-_';
const segment = chars(`${lower}ABCXYZ`).filter((text) => text !== '.' && text !== '..');
const anId = fc.record({ trustDomain: chars(lower), namespace: segment, serviceAccount: segment });

describe('SPIFFE IDs', () => {
  it('given any valid parts, reads back what it wrote', () => {
    fc.assert(
      fc.property(anId, (id) => {
        expect(parseSpiffeId(formatSpiffeId(id))).toEqual({ ok: true, id });
      }),
    );
  });

  it('given any text, reads only what it would write', () => {
    const texts = fc.oneof(fc.string(), fc.webUrl(), anId.map(formatSpiffeId).chain(mutated));
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseSpiffeId(text);
        if (parsed.ok) expect(formatSpiffeId(parsed.id)).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['spiffe://cluster.local:80/ns/a/sa/b', 'trust domain'],
    ['spiffe://user@cluster.local/ns/a/sa/b', 'trust domain'],
    ['spiffe://Cluster.local/ns/a/sa/b', 'trust domain'],
    ['spiffe:///ns/a/sa/b', 'trust domain is empty'],
    [`spiffe://${'a'.repeat(256)}/ns/a/sa/b`, '255'],
    ['SPIFFE://cluster.local/ns/a/sa/b', 'start'],
    ['https://cluster.local/ns/a/sa/b', 'start'],
    ['spiffe://cluster.local/ns/a/sa/b?x=1', 'service account'],
    ['spiffe://cluster.local/ns/a/sa/b#x', 'service account'],
    ['spiffe://cluster.local/ns/a/sa/b/', 'path'],
    ['spiffe://cluster.local//ns/a/sa/b', 'path'],
    ['spiffe://cluster.local/ns//sa/b', 'namespace is empty'],
    ['spiffe://cluster.local/ns/../sa/b', 'dot'],
    ['spiffe://cluster.local/ns/a%2Fb/sa/b', 'namespace'],
    ['spiffe://cluster.local/ns/a\0/sa/b', 'namespace'],
    ['spiffe://cluster.local/ns/a/sa/bé', 'service account'],
    ['spiffe://cluster.local/ns/a/sa/b\n', 'service account'],
    ['spiffe://cluster.local/workload/x', 'path'],
    [`spiffe://cluster.local/ns/a/sa/${'b'.repeat(2048)}`, '2048'],
  ])('refuses %j', (text, why) => {
    const parsed = parseSpiffeId(text);
    expect(parsed.ok ? 'accepted' : parsed.reason).toContain(why);
  });

  it('never writes parts that would read as another identity', () => {
    expect(() => formatSpiffeId({ trustDomain: 'td', namespace: 'a/sa/admin', serviceAccount: 'x' })).toThrow('path');
  });
});

/** The text with one character replaced or put in: what an attacker or a typing error makes of it. */
function mutated(text: string) {
  const odd = fc.constantFrom('/', ':', '@', '?', '#', '%', '\0', ' ', 'é', 'A', '.', '');
  return fc
    .tuple(fc.nat(text.length), odd, fc.nat(1))
    .map(([at, put, cut]) => text.slice(0, at) + put + text.slice(at + cut));
}
