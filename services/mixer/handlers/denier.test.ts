import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import { denier } from './denier.ts';
import type { Instance } from './handler.ts';
import { handlerContract } from './handler-contract.ts';

const means = { name: 'no.default', clock: systemClock, logger: silentLogger };
const instances: readonly Instance[] = [
  { template: 'checknothing', name: 'a.default', fields: {} },
  { template: 'listentry', name: 'b.default', fields: { value: 'x' } },
  { template: 'quota', name: 'c.default', fields: { dimensions: {} } },
];

handlerContract('denier', async () => ({ kind: denier, handler: denier.create({}, means), instances }));

describe('denier', () => {
  const [nothing] = instances as [Instance];

  it('refuses with the code and words that it is given, for as long as it is told', () => {
    const handler = denier.create(
      { status: { code: 16, message: 'who are you?' }, validDuration: '2s', validUseCount: 7 },
      means,
    );
    expect(handler.check?.(nothing, AbortSignal.abort())).toEqual({
      status: { code: 16, message: 'no.default:who are you?' },
      validForMs: 2_000,
      validUses: 7,
    });
  });

  it("has Mixer's defaults", () => {
    expect(denier.create({}, means).check?.(nothing, AbortSignal.abort())).toMatchObject({
      status: { code: 9 },
      validForMs: 5_000,
      validUses: 1_000,
    });
  });
});
