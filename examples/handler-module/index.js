// A handler as a third party writes it: docs/handlers/module.md explains it, services/mixer/handlers/module runs the contract suite on it.
import { appendFile } from 'node:fs/promises';

/** The version of the handler port that this module is written for. */
export const portVersion = 1;

/** Called once for each handler resource that names this module, with its `params`. What it throws is logged, and every call fails. */
export function createHandler({ guests, file }, { name, clock, logger }) {
  if (!Array.isArray(guests)) throw new Error('params.guests: expected a list of names');
  const answers = { validForMs: 5_000, validUses: 1_000 };
  return {
    /** `listentry` instances: a google.rpc code of 0 lets the request pass. */
    async check({ fields: { value } }) {
      if (guests.includes(value)) return { status: { code: 0, message: '' }, ...answers };
      return { status: { code: 7, message: `${name}: ${value ?? 'nobody'} is no guest` }, ...answers };
    },
    /** `logentry` instances, a batch at a time: resolves when all are kept. */
    async report(batch) {
      const time = new Date(clock.nowMs()).toISOString();
      await appendFile(file, batch.map(({ fields }) => `${JSON.stringify({ time, ...fields.variables })}\n`).join(''));
    },
    /** Runs until Mixer stops the handler. */
    async run(signal) {
      logger.info({ guests: guests.length }, 'the guest list is open');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  };
}
