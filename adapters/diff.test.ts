import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Append } from '../events/event-log.ts';
import { sameContent } from '../mesh/config/same-content.ts';
import type { Observed } from './adapter.ts';
import { diffScopes } from './diff.ts';
import { SourceMemory } from './source-memory.ts';

const stamp = { actor: 'adapter:test', time: '2026-01-01T00:00:00.000Z' };
const rule = (name: string, spec: unknown): Observed => ({
  kind: 'config',
  value: { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', namespace: 'default', name, spec },
});

/** Takes appends as the log would record them. */
function record(memory: SourceMemory, appends: readonly Append[], position = 0): void {
  for (const { event, expectedVersion = 0 } of appends) {
    memory.absorb({
      ...event,
      specversion: '1.0',
      position: ++position,
      version: expectedVersion + 1,
      previousHash: '',
    });
  }
}

describe('diffScopes', () => {
  it('takes contents for equal exactly when they are the same JSON, whatever the order of fields', () => {
    const swapped = (value: unknown): unknown =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([name, item]) => [name, swapped(item)]),
          )
        : value;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (first, second) => {
        for (const other of [second, swapped(first)]) {
          const memory = new SourceMemory('/adapters/test/x');
          record(memory, diffScopes(memory, new Map([['a', [rule('v', first)]]]), stamp).registered);
          const { registered } = diffScopes(memory, new Map([['a', [rule('v', other)]]]), stamp);
          expect(registered.length === 0).toBe(sameContent(first, other));
        }
      }),
    );
  });

  it('leads from any content to any other, with ids that never repeat, and back to no difference', () => {
    const contents = fc.dictionary(
      fc.constantFrom('a', 'b', 'c/#'),
      fc.uniqueArray(fc.tuple(fc.constantFrom('x', 'y', 'z'), fc.nat(1)), { selector: ([name]) => name, maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(contents, { maxLength: 6 }), (rounds) => {
        const memory = new SourceMemory('/adapters/test/x');
        const ids = new Set<string>();
        for (const round of rounds) {
          const shown = shownIn(round);
          const { registered, deregistered, claims } = diffScopes(memory, shown, stamp);
          for (const { event } of [...registered, ...deregistered]) {
            expect(ids.has(event.id)).toBe(false);
            ids.add(event.id);
          }
          record(memory, [...registered, ...deregistered]);
          for (const [subject, scope] of claims) memory.claim(subject, scope);
          const again = diffScopes(memory, shown, stamp);
          expect([...again.registered, ...again.deregistered]).toEqual([]);
          for (const [scope, items] of shown) {
            const said = [...memory.said.values()]
              .filter((one) => one.scope === scope)
              .map(({ observed }) => observed.value);
            expect(said.sort(byName)).toEqual(items.map(({ value }) => value).sort(byName));
          }
        }
      }),
    );
  });
});

/** The round's rules by scope, each shown once. */
function shownIn(
  round: Readonly<Record<string, readonly (readonly [name: string, spec: number])[]>>,
): Map<string, Observed[]> {
  const taken = new Set<string>();
  const shown = new Map<string, Observed[]>(['a', 'b', 'c/#'].map((scope) => [scope, []]));
  for (const [scope, items] of Object.entries(round)) {
    for (const [name, spec] of items.filter(([name]) => !taken.has(name))) {
      taken.add(name);
      shown.get(scope)?.push(rule(name, spec));
    }
  }
  return shown;
}

function byName(a: object, b: object): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
