// What every handler keeps to; each handler's test runs it, on the real back end or on a fake of it.
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { isTemplate, templates } from '../../../mesh/policy/templates.ts';
import { MixerMetrics } from '../metrics.ts';
import type { Handler, HandlerKind, Instance } from './handler.ts';
import { HandlerRunner, handlerMetrics } from './handler-runner.ts';

/** A handler with its back end, and what is known of both. */
export interface HandlerCase {
  readonly kind: Pick<HandlerKind, 'name' | 'templates'>;
  readonly handler: Handler;
  /** An instance for each of the kind's templates. */
  readonly instances: readonly Instance[];
  /** How many reported instances the back end holds; only for `report` templates. */
  readonly delivered?: () => Promise<number>;
  /** Makes the back end fail from now on, where there is one. */
  readonly breakBackEnd?: () => Promise<void>;
  readonly close?: () => Promise<void>;
}

/** A loaded machine answers late, so the runner waits long where the suite does not want it to give up. */
const patientMs = 10_000;

/** Runs the suite. `make` gives a new handler, with an empty back end, for each test. */
export function handlerContract(name: string, make: () => Promise<HandlerCase>): void {
  describe(`the handler ${name}`, () => {
    const opened: HandlerCase[] = [];
    const open = async () => {
      const made = await make();
      opened.push(made);
      return made;
    };
    afterEach(async () => {
      for (const { close } of opened.splice(0)) await close?.();
    });

    it('takes every template that it names, and has a method for each', async () => {
      const { kind, handler, instances } = await open();
      expect(kind.templates.length).toBeGreaterThan(0);
      expect(new Set(instances.map(({ template }) => template))).toEqual(new Set(kind.templates));
      for (const template of kind.templates) {
        expect(isTemplate(template)).toBe(true);
        expect(handler[templates[template].variety]).toBeTypeOf('function');
      }
    });

    it('answers checks and quotas with a status and how long it holds', async () => {
      const { handler, instances } = await open();
      const signal = AbortSignal.timeout(patientMs);
      for (const instance of instances) {
        const { variety } = templates[instance.template];
        if (variety === 'check') {
          const answer = await handler.check?.(instance, signal);
          expect(answer?.status.code).toBeGreaterThanOrEqual(0);
          expect(answer?.validForMs).toBeGreaterThanOrEqual(0);
          expect(answer?.validUses).toBeGreaterThanOrEqual(0);
        } else if (variety === 'quota') {
          const answer = await handler.quota?.(
            instance,
            { amount: 1, bestEffort: false, deduplicationId: 'a' },
            signal,
          );
          expect([0, 1]).toContain(answer?.granted);
        }
      }
    });

    it('delivers what is reported: received = delivered + dropped, and the back end holds what was delivered', async () => {
      const { handler, instances, delivered } = await open();
      const reports = instances.filter(({ template }) => templates[template].variety === 'report');
      if (reports.length === 0) return;
      const metrics = new MixerMetrics();
      const counters = handlerMetrics(metrics);
      const runner = new HandlerRunner({
        handler,
        name,
        onFailure: 'allow',
        metrics: counters,
        clock: systemClock,
        logger: silentLogger,
        limits: { deadlineMs: patientMs },
      });
      const stop = new AbortController();
      const running = runner.run(stop.signal);
      const sent = 40 * reports.length;
      for (let i = 0; i < 40; i++) runner.report(reports);
      await expect.poll(() => runner.queued, { timeout: patientMs }).toBe(0);
      stop.abort();
      await running;
      const labels = { handler: name };
      expect(counters.received.value(labels)).toBe(sent);
      expect(counters.delivered.value(labels)).toBe(sent);
      if (delivered) await expect.poll(delivered, { timeout: patientMs }).toBe(sent);
    });

    it('rejects when its back end fails, instead of keeping quiet', async () => {
      const { handler, instances, breakBackEnd } = await open();
      if (breakBackEnd === undefined) return;
      await breakBackEnd();
      const signal = AbortSignal.timeout(patientMs);
      for (const instance of instances) {
        const { variety } = templates[instance.template];
        const request = { amount: 1, bestEffort: false, deduplicationId: 'a' };
        const call = async () => {
          if (variety === 'check') await handler.check?.(instance, signal);
          else if (variety === 'quota') await handler.quota?.(instance, request, signal);
          else await handler.report?.([instance], signal);
        };
        await expect(call()).rejects.toThrow();
      }
    });

    it('stops when it is told', async () => {
      const { handler } = await open();
      if (handler.run === undefined) return;
      const stop = new AbortController();
      const running = handler.run(stop.signal);
      stop.abort();
      await running.catch(() => {});
    });
  });
}
