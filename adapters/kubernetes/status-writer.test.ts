import { describe, expect, it } from 'vitest';
import type { Problem } from '../../mesh/config/problem.ts';
import { ApiError } from './api-error.ts';
import type { Distribution } from './config-feedback.ts';
import type { IstioStatus } from './istio-status.ts';
import { defaultStatusTiming, type StatusSubject, StatusWriter } from './status-writer.ts';

const scope = 'config/VirtualService/default/web';
const subject = (of: Partial<StatusSubject> = {}): StatusSubject => ({
  ...{
    scope,
    kind: 'VirtualService',
    path: '/web/status',
    generation: 1,
    resourceVersion: '10',
    status: {},
    problems: [],
  },
  ...of,
});

/** A writer whose clock only goes on when the test lets it. */
function start() {
  const writes: { readonly path: string; readonly body: { metadata: object; status: IstioStatus } }[] = [];
  const problems: (string | undefined)[] = [];
  const findings = { position: 5, problems: new Map<string, readonly Problem[]>() };
  const state = { answer: undefined as ApiError | undefined, nowMs: 0, distribution: held(2, 0) };
  const waiting: { readonly untilMs: number; readonly resolve: () => void }[] = [];
  const clock = {
    nowMs: () => state.nowMs,
    sleep: (ms: number) => new Promise<void>((resolve) => waiting.push({ untilMs: state.nowMs + ms, resolve })),
  };
  const client = {
    patch: async (path: string, body: unknown) => {
      if (state.answer) throw state.answer;
      writes.push({ path, body: body as (typeof writes)[number]['body'] });
      return { metadata: { resourceVersion: String(10 + writes.length) } };
    },
  };
  const feedback = {
    position: async () => 5,
    distribution: () => state.distribution,
    findings: () => ({ ...findings }),
  };
  const writer = new StatusWriter({
    ...{ client, feedback, clock, timing: defaultStatusTiming },
    onProblem: (_, problem) => problems.push(problem),
  });
  const controller = new AbortController();
  void writer.run(controller.signal).catch(() => {});
  /** Lets time pass in small steps, as timers do. */
  const pass = async (ms: number) => {
    for (const end = state.nowMs + ms; state.nowMs < end; ) {
      state.nowMs += 10;
      for (const due of waiting.filter(({ untilMs }) => untilMs <= state.nowMs)) {
        waiting.splice(waiting.indexOf(due), 1);
        due.resolve();
      }
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    }
  };
  const place = async () => await writer.placing()();
  const messages = () =>
    writes.map(({ body }) => body.status.conditions?.find(({ type }) => type === 'Reconciled')?.message);
  return { writer, writes, problems, state, pass, place, messages, findings };
}

const held = (proxies: number, waiting: number): Distribution => ({ proxies, waiting, laggards: [], refusals: [] });

describe('the status writer', () => {
  it('waits until the facts are in the log, says the rollout at most every two seconds, and then no more', async () => {
    const { writer, writes, state, pass, place, messages } = start();
    state.distribution = held(50, 50);
    writer.note(subject());
    await pass(5_000);
    expect(writes).toEqual([]);
    await place();
    for (let waiting = 50; waiting >= 0; waiting--) {
      state.distribution = held(50, waiting);
      await pass(100);
    }
    await pass(10_000);
    expect(messages().at(0)).toMatch(/^4\d?\/50|^[0-9]\/50/);
    expect(messages().at(-1)).toBe('50/50 proxies up to date.');
    expect(writes.length).toBeLessThanOrEqual(5);
    expect(writes[0]?.body.metadata).toEqual({ resourceVersion: '10' });
    const count = writes.length;
    state.distribution = held(51, 1);
    await pass(60_000);
    expect(writes.length).toBe(count);
  });

  it('does not answer its own writes, nor repeat what an earlier process wrote', async () => {
    const { writer, writes, pass, place, state } = start();
    writer.note(subject());
    await place();
    await pass(2_000);
    expect(writes).toHaveLength(1);
    const { status } = writes[0]?.body ?? { status: {} };
    writer.note(subject({ resourceVersion: '11', status }));
    await place();
    await pass(60_000);
    expect(writes).toHaveLength(1);
    const restarted = start();
    restarted.state.distribution = held(0, 0);
    restarted.writer.note(subject({ resourceVersion: '11', status }));
    await restarted.place();
    await restarted.pass(60_000);
    expect(restarted.writes).toEqual([]);
    expect(state.distribution.proxies).toBe(2);
  });

  it('puts right what somebody else took out, and a new finding across resources', async () => {
    const { writer, writes, pass, place, findings, messages } = start();
    writer.note(subject());
    await place();
    await pass(3_000);
    writer.note(subject({ resourceVersion: '20', status: {} }));
    await pass(3_000);
    expect(writes).toHaveLength(2);
    expect(writes[1]?.body.metadata).toEqual({ resourceVersion: '20' });
    expect(messages().at(1)).toBe('2/2 proxies up to date.');
    findings.problems = new Map([
      ['VirtualService/default/web', [{ severity: 'warning', path: '', message: 'm', code: 'IST0101' }]],
    ]);
    await pass(defaultStatusTiming.findingsMs + 3_000);
    expect(writes[2]?.body.status.validationMessages).toMatchObject([{ level: 'ERROR', type: { code: 'IST0101' } }]);
  });

  it('says once that it may not write, tries once a minute, and is content when it may', async () => {
    const { writer, writes, problems, state, pass, place } = start();
    state.answer = new ApiError(403, 'forbidden');
    writer.note(subject());
    await place();
    await pass(50_000);
    expect(problems).toEqual([expect.stringMatching(/can not be written: forbidden/)]);
    state.answer = undefined;
    await pass(30_000);
    expect(writes).toHaveLength(1);
    expect(problems.at(-1)).toBeUndefined();
  });

  it('forgets what is gone', async () => {
    const { writer, writes, pass, place } = start();
    writer.note(subject());
    writer.forget(scope);
    await place();
    await pass(5_000);
    expect(writes).toEqual([]);
  });
});
