// What a proxy tells Mixer with each check and each stream of access-log entries: its workload's facts and the rules it leaves to Mixer.
import { isRecord } from '../config/check-schema.ts';
import type { WorkloadFacts } from './workload-facts.ts';

/** Key of the gRPC metadata that carries it: set by Pilot in the proxy's configuration, so that no client can. */
export const checkCallKey = 'x-periplus-check';

/** See the file's first line. */
export interface CheckCall {
  readonly facts: WorkloadFacts;
  /** Ids of the rules to evaluate: those that this proxy's own configuration does not carry out. */
  readonly rules: readonly string[];
  /** Of connections only the end is told: its bytes are all there were. */
  readonly endsOnly?: boolean;
}

/** As text for gRPC metadata. */
export function encodeCheckCall(call: CheckCall): string {
  return Buffer.from(JSON.stringify(call)).toString('base64url');
}

/** Reads `encodeCheckCall`'s text; undefined for any other. */
export function decodeCheckCall(text: string): CheckCall | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (!isRecord(value) || !isRecord(value.facts) || !Array.isArray(value.rules)) return undefined;
    const { namespace, labels, services } = value.facts;
    if (typeof namespace !== 'string' || !isRecord(labels) || !isRecord(services)) return undefined;
    return value as unknown as CheckCall;
  } catch {
    return undefined;
  }
}
