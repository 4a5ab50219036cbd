// A handler for tests that answers, fails, or hangs as it is told, and keeps what it was asked.
import type { CheckResult, Handler, Instance, QuotaRequest, QuotaResult } from './handler.ts';

/** How the fake behaves from now on. */
export type FakeMode = 'answer' | 'fail' | 'hang';

/** A fake of a back end of any template. */
export class FakeHandler implements Handler {
  mode: FakeMode = 'answer';
  checkResult: CheckResult = { status: { code: 0, message: '' }, validForMs: 0, validUses: 1 };
  readonly checked: Instance[] = [];
  readonly charged: { readonly instance: Instance; readonly request: QuotaRequest }[] = [];
  readonly reported: Instance[] = [];
  readonly batches: number[] = [];
  running = false;

  async check(instance: Instance, signal: AbortSignal): Promise<CheckResult> {
    await this.#behave(signal);
    this.checked.push(instance);
    return this.checkResult;
  }

  async quota(instance: Instance, request: QuotaRequest, signal: AbortSignal): Promise<QuotaResult> {
    await this.#behave(signal);
    this.charged.push({ instance, request });
    return { status: { code: 0, message: '' }, granted: request.amount, validForMs: 0 };
  }

  async report(batch: readonly Instance[], signal: AbortSignal): Promise<void> {
    await this.#behave(signal);
    this.reported.push(...batch);
    this.batches.push(batch.length);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.running = true;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    this.running = false;
  }

  async #behave(signal: AbortSignal): Promise<void> {
    if (this.mode === 'fail') throw new Error('the back end fails');
    if (this.mode === 'hang')
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  }
}
