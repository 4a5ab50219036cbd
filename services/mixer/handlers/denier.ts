// The denier: refuses everything a rule hands it (istio.io/v1.4/docs/reference/config/policy-and-telemetry/adapters/denier).

import { durationMs } from '../../../mesh/config/quantities.ts';
import type { DenierParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { type HandlerKind, rpcCodes } from './handler.ts';

/** Mixer's defaults: an answer holds for 5 s or 1,000 requests. */
export const defaultValidity = { validForMs: 5_000, validUses: 1_000 } as const;

/** See the file's first line. */
export const denier: HandlerKind<DenierParams> = {
  name: 'denier',
  templates: ['checknothing', 'listentry', 'quota'],
  create: ({ status, validDuration, validUseCount }, { name }) => {
    const refusal = { code: status?.code ?? rpcCodes.failedPrecondition, message: status?.message ?? '' };
    const message = `${name}:${refusal.message}`;
    const validForMs = validDuration === undefined ? defaultValidity.validForMs : (durationMs(validDuration) ?? 0);
    const validUses = validUseCount ?? defaultValidity.validUses;
    const answer = { status: { code: refusal.code, message }, validForMs, validUses };
    return {
      check: () => answer,
      quota: () => ({ status: answer.status, granted: 0, validForMs }),
    };
  },
};
