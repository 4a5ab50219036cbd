import { describe, expect, it } from 'vitest';
import type { Problem } from '../../mesh/config/problem.ts';
import type { Distribution } from './config-feedback.ts';
import { isFinal, nextStatus, type ResourceState, saysReached } from './istio-status.ts';

const subject = 'config/VirtualService/default/web';
const distribution = (of: Partial<Distribution>): Distribution => ({
  ...{ proxies: 3, waiting: 0, laggards: [], refusals: [] },
  ...of,
});
const state = (of: Partial<ResourceState> = {}): ResourceState => ({
  ...{ subject, generation: 2, problems: [], distribution: distribution({}) },
  ...of,
});
const error: Problem = {
  severity: 'error',
  path: 'spec.hosts',
  message: 'is required',
  code: 'IST0106',
  resource: 'x',
};
const [noon, later] = ['2026-11-22T12:00:00.000Z', '2026-11-22T13:00:00.000Z'];
const reconciledOf = (of: Partial<ResourceState>) =>
  nextStatus({}, state(of), noon)?.conditions?.find(({ type }) => type === 'Reconciled');

describe('nextStatus', () => {
  it('counts proxies, and is said once', () => {
    const first = nextStatus({}, state(), noon);
    expect(first).toEqual({
      conditions: [
        { type: 'PassedValidation', status: 'True', lastTransitionTime: noon },
        { type: 'Reconciled', status: 'True', message: '3/3 proxies up to date.', lastTransitionTime: noon },
      ],
      validationMessages: [],
      observedGeneration: 2,
    });
    expect(nextStatus(first ?? {}, state(), later)).toBeUndefined();
    // As an older definition, whose API server gives it back, has it: a string, and no empty list.
    expect(
      nextStatus({ conditions: first?.conditions ?? [], observedGeneration: '2' }, state(), later),
    ).toBeUndefined();
  });

  it.each([
    [
      'who is late',
      { waiting: 1, laggards: ['a.x'] },
      'False',
      'stillPropagating',
      '2/3 proxies up to date. Waiting for a.x.',
    ],
    [
      'who refused it',
      { refusals: [{ proxy: 'b.x', message: 'bad', subjects: [subject] }] },
      ...['False', 'Rejected', '2/3 proxies up to date. b.x refused the configuration: bad'],
    ],
    [
      'a refusal of which the cause is not known yet',
      { refusals: [{ proxy: 'b.x', message: 'bad', subjects: [] }] },
      ...['False', 'Rejected', '2/3 proxies up to date. b.x refused the configuration: bad'],
    ],
    [
      'no refusal that another resource caused',
      { refusals: [{ proxy: 'b.x', message: 'bad', subjects: ['config/EnvoyFilter/a/b'] }] },
      ...['True', undefined, '3/3 proxies up to date.'],
    ],
    ['that there is none', { proxies: 0 }, 'Unknown', 'NoProxies', 'No proxy is connected.'],
  ] as const)('says %s', (_, of, status, reason, message) => {
    const found = reconciledOf({ distribution: distribution(of) });
    expect([found?.status, found?.reason, found?.message]).toEqual([status, reason, message]);
    expect(isFinal(state({ distribution: distribution(of) }))).toBe(status === 'True');
  });

  it('does not count for what is invalid, and says why', () => {
    const next = nextStatus({}, state({ problems: [error] }), noon);
    expect(next?.conditions).toMatchObject([
      { type: 'PassedValidation', status: 'False', reason: 'Invalid', message: 'spec.hosts: is required [IST0106]' },
      { type: 'Reconciled', status: 'False', reason: 'Invalid' },
    ]);
    expect(isFinal(state({ problems: [error] }))).toBe(true);
  });

  it('keeps the conditions of others and the time since when its own say the same', () => {
    const other = { type: 'Programmed', status: 'True', lastTransitionTime: noon } as const;
    const first = nextStatus({ conditions: [other] }, state({ distribution: distribution({ waiting: 2 }) }), noon);
    const second = nextStatus(first ?? {}, state({ distribution: distribution({ waiting: 1 }) }), later);
    const third = nextStatus(second ?? {}, state(), later);
    expect(second?.conditions?.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([noon, noon, noon]);
    expect(third?.conditions?.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([noon, noon, later]);
    expect(third?.conditions?.[0]).toEqual(other);
  });

  it('leaves alone what said before that every proxy holds this generation', () => {
    const before = nextStatus({}, state({ distribution: distribution({ proxies: 9 }) }), noon) ?? {};
    expect(saysReached(before, 2)).toBe(true);
    expect(saysReached(before, 3)).toBe(false);
    expect(nextStatus(before, state({ distribution: 'reached' }), later)).toBeUndefined();
    const warned = nextStatus(
      before,
      state({ distribution: 'reached', problems: [{ ...error, severity: 'warning' }] }),
      later,
    );
    expect(warned?.conditions?.[1]?.message).toBe('9/9 proxies up to date.');
    expect(warned?.validationMessages).toMatchObject([{ level: 'ERROR', type: { code: 'IST0106' } }]);
  });

  it('bounds what it says', () => {
    const problems = Array.from({ length: 1_000 }, () => ({ ...error, message: 'x'.repeat(1_000) }));
    expect(JSON.stringify(nextStatus({}, state({ problems }), noon)).length).toBeLessThan(10_000);
  });
});
