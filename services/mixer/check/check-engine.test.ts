import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { type AttributeValue, attributesOf } from '../../../mesh/policy/attributes.ts';
import { compileExpression, type Expression } from '../../../mesh/policy/expression/expression.ts';
import type { Denial, HandlerRef, PolicyRule } from '../../../mesh/policy/rules.ts';
import type { CheckResult, Instance } from '../handlers/handler.ts';
import type { HandlerRunner } from '../handlers/handler-runner.ts';
import { MixerMetrics } from '../metrics.ts';
import { CheckEngine } from './check-engine.ts';
import type { Verdict } from './verdict.ts';

const denial: Denial = { code: 7, httpStatus: 403, message: 'no' };
const handler: HandlerRef = { name: 'h.default', adapter: 'fake', params: {}, onFailure: 'deny' };
const resource = { kind: 'Policy', namespace: 'default', name: 'p' };

function expression(text: string): Expression {
  const compiled = compileExpression(text);
  if (!compiled.ok) throw new Error(`${text}: ${compiled.problem.message}`);
  return compiled.expression;
}
const rule = (id: string, when: string | undefined, action: PolicyRule['action']): PolicyRule => ({
  ...{ id, resource, selector: {}, action },
  when: when === undefined ? undefined : expression(when),
});

function engineOf(
  rules: readonly PolicyRule[],
  options: { answer?: (instance: Instance) => CheckResult; nowMs?: () => number } = {},
) {
  const asked: Instance[] = [];
  const poisoned: string[] = [];
  const metrics = new MixerMetrics();
  const { answer = () => ({ status: { code: 0, message: '' }, validForMs: 1_000, validUses: 100 }) } = options;
  const runner = {
    check: (instance: Instance) => {
      asked.push(instance);
      return answer(instance);
    },
  } as unknown as HandlerRunner;
  const engine = new CheckEngine({
    handlers: { runner: () => runner },
    metrics,
    clock: { ...systemClock, nowMs: options.nowMs ?? (() => 0) },
    onPoisoned: ({ id }) => poisoned.push(id),
  });
  engine.use({ rules, broken: [] });
  const ids = rules.map(({ id }) => id);
  return {
    asked,
    poisoned,
    metrics,
    check: (record: Readonly<Record<string, AttributeValue>>) => engine.check(ids, attributesOf(record)),
  };
}

const ask = (field: string): PolicyRule['action'] => ({
  kind: 'check',
  handler,
  instance: { name: 'i.default', template: 'listentry', fields: { value: expression(field) } },
});

describe('CheckEngine', () => {
  it('the first rule that holds and refuses decides; header changes before it do not matter', async () => {
    const { check } = engineOf([
      rule('headers', undefined, {
        kind: 'headers',
        request: [{ name: 'x', operation: 'SET', value: expression('request.path') }],
        response: [],
      }),
      rule('a', 'request.path == "/a"', { kind: 'deny', denial }),
      rule('b', undefined, {
        kind: 'list',
        value: expression('request.headers["k"]'),
        type: 'STRINGS',
        mode: 'ALLOW',
        entries: ['yes'],
        denial,
      }),
    ]);
    expect((await check({ 'request.path': '/a' })).by).toBe('a');
    expect((await check({ 'request.path': '/b' })).by).toBe('b');
    expect(await check({ 'request.path': '/b', 'request.headers': { k: 'yes' } })).toMatchObject({
      denial: undefined,
      request: [{ name: 'x', operation: 'SET', value: '/b' }],
    });
  });

  it("refuses a text that is no address, where a Mixer's list of addresses asks for one", async () => {
    const noAddress = { code: 3, httpStatus: 400, message: 'no IP address' };
    const list = { kind: 'list', type: 'IP_ADDRESSES', mode: 'DENY', entries: ['10.0.0.0/8'], denial } as const;
    const value = expression('request.headers["from"]');
    const { check } = engineOf([
      rule('a', 'request.path == "/mixer"', { ...list, value, noAddress }),
      rule('b', 'request.path == "/policy"', { ...list, value }),
    ]);
    const from = async (path: string, address: string) =>
      (await check({ 'request.path': path, 'request.headers': { from: address } })).denial;
    expect(await from('/mixer', '10.0.0.1, 11.0.0.1')).toBe(noAddress);
    expect(await from('/mixer', '10.0.0.1')).toBe(denial);
    expect(await from('/mixer', '::ffff:11.0.0.1')).toBeUndefined();
    expect(await from('/policy', '10.0.0.1, 11.0.0.1')).toBeUndefined();
  });

  it('asks a handler once while its answer holds, again for other values, and again when time or uses are over', async () => {
    let nowMs = 0;
    const { check, asked, metrics } = engineOf([rule('a', undefined, ask('request.path'))], {
      nowMs: () => nowMs,
      answer: () => ({ status: { code: 0, message: '' }, validForMs: 1_000, validUses: 3 }),
    });
    const counts: number[] = [];
    for (const [path, ms] of [
      ['/a', 0],
      ['/a', 0],
      ['/b', 0],
      ['/a', 999],
      ['/a', 999],
      ['/b', 1_000],
    ] as const) {
      nowMs = ms;
      await check({ 'request.path': path, 'request.host': String(Math.trunc(ms)) });
      counts.push(asked.length);
    }
    expect(counts).toEqual([1, 1, 2, 2, 3, 4]);
    expect(metrics.text()).toContain('mixer_checks_total{verdict="allowed",cached="true"} 2');
  });

  it('isolates a rule that throws: it refuses, others decide for themselves, and it is told once', async () => {
    const poison = {
      ...rule('poison', undefined, { kind: 'deny', denial }),
      when: {
        ...expression('true'),
        evaluate: () => {
          throw new Error('boom');
        },
      },
    };
    const harmless = {
      ...poison,
      id: 'poisoned-headers',
      action: { kind: 'headers', request: [], response: [] },
    } as const;
    const { check, poisoned, metrics } = engineOf([
      harmless,
      rule('a', 'request.path == "/a"', { kind: 'deny', denial }),
      poison,
    ]);
    for (let i = 0; i < 3; i++) {
      expect((await check({ 'request.path': '/a' })).by).toBe('a');
      expect(await check({ 'request.path': '/b' })).toMatchObject({ by: 'poison', denial: { httpStatus: 500 } });
    }
    expect(poisoned).toEqual(['poisoned-headers', 'poison']);
    expect(metrics.text()).toContain('mixer_rule_failures_total{rule="poison"} 3');
  });

  it('for random rules and requests, absent attributes included, cached equals uncached', async () => {
    const leaves = [
      'request.path == "/a"',
      'request.headers["x"] == "1"',
      '(request.headers["x"] | request.headers["y"] | "none") == "none"',
      'request.method != "GET"',
      'size(request.headers) > 1',
      '(request.host | "") == ""',
      'connection.mtls',
    ];
    const tree: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(...leaves),
        fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a} && ${b})`),
        fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a} || ${b})`),
        tie('node').map((a) => `!(${a})`),
        fc.tuple(tie('node'), tie('node')).map(([a, b]) => `((${a}) | (${b}))`),
      ),
    })).node;
    const fields = ['request.path', 'request.headers["x"] | "none"', 'request.headers["y"]', 'request.method'];
    const action = fc.oneof(
      fc.constant<PolicyRule['action']>({ kind: 'deny', denial }),
      fc.constantFrom(...fields).map(ask),
      fc.constant<PolicyRule['action']>({
        kind: 'headers',
        request: [{ name: 'h', operation: 'SET', value: expression('request.headers["y"]') }],
        response: [],
      }),
    );
    const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
    const text = fc.constantFrom('1', '/a', 'GET', '');
    const headers = fc
      .record({ x: some(text), y: some(text) })
      .map((map) => Object.fromEntries(Object.entries(map).filter(([, v]) => v !== undefined)));
    const request = fc
      .record({
        'request.path': some(text),
        'request.method': some(text),
        'request.host': some(text),
        'request.headers': some(headers),
        'connection.mtls': some(fc.boolean()),
      })
      .map(
        (record) =>
          Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Record<
            string,
            AttributeValue
          >,
      );
    // Any function of the instance will do for a handler.
    const answer = ({ fields: { value } }: Instance): CheckResult => {
      const refuses = value === undefined || value === '1' || value === 'none';
      return {
        status: { code: refuses ? 7 : 0, message: JSON.stringify(value ?? null) },
        validForMs: 60_000,
        validUses: 1_000_000,
      };
    };
    const shown = ({ denial: refused, by, request: changes }: Verdict) => ({
      refused,
      by,
      changes: refused ? [] : changes,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(some(tree), action), { minLength: 1, maxLength: 4 }),
        fc.array(request, { minLength: 2, maxLength: 30 }),
        async (specs, requests) => {
          const rules = specs.map(([when, act], i) => rule(`r${i}`, when, act));
          const cached = engineOf(rules, { answer });
          for (const one of requests) {
            const fresh = engineOf(rules, { answer });
            expect(shown(await cached.check(one))).toEqual(shown(await fresh.check(one)));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
