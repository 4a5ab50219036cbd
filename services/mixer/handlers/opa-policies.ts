// Gives an OPA server the policies (Rego) that a handler's parameters hold, as the old adapter gave them to the OPA within it.
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import type { OpaParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import type { HandlerMeans } from './handler.ts';
import { withoutSecrets } from './list-source.ts';

/** A server that was started again has lost them: for so long at most its rules have no value, and requests are refused. */
const againMs = 30_000;
/** What OPA says of a policy that it can't compile is for people; more than this is not. */
const maxReasonLength = 500;

/** The policies of one handler. */
export interface PolicyUpload {
  /** Resolves when the server has them; rejects with what it says against them. */
  given(signal: AbortSignal): Promise<void>;
  /** Gives them, and gives them again from time to time, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** Undefined where there are none to give. */
export function policyUpload(params: OpaParams, { name, clock, logger }: HandlerMeans): PolicyUpload | undefined {
  const { url, wasm, policy = [], headers = {} } = params;
  if (!url || wasm || policy.length === 0) return undefined;
  let isGiven = false;
  const give = async (signal: AbortSignal) => {
    for (const [index, text] of policy.entries())
      await put({ base: url.replace(/\/$/, ''), id: `periplus/${name}/${index}`, text, headers, signal });
    isGiven = true;
  };
  return {
    given: async (signal) => {
      if (!isGiven) await give(signal);
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await give(signal).catch((error) => {
          if (!signal.aborted)
            logger.warn({ handler: name, error: messageOf(error) }, 'OPA does not take the policies');
        });
        await clock.sleep(againMs, signal).catch(() => {});
      }
    },
  };
}

/** OPA's REST API: openpolicyagent.org/docs/rest-api, "Create or Update a Policy". */
async function put(options: {
  readonly base: string;
  readonly id: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { base, id, text, headers, signal } = options;
  const response = await fetch(`${base}/v1/policies/${id}`, {
    method: 'PUT',
    headers: { ...headers, 'content-type': 'text/plain' },
    body: text,
    signal,
    redirect: 'error',
  });
  const answer = await response.text();
  if (response.ok) return;
  const reason = answer.replaceAll(/\s+/g, ' ').slice(0, maxReasonLength);
  throw new MeshError('unavailable', `OPA at ${withoutSecrets(base)} refuses the policy ${id}: ${reason}`);
}
