// Reads a whole stream from the server again and checks every event, and that it is the log that this process knows.
import { type MeshError, messageOf } from '../../lib/mesh-error.ts';
import { ChainVerifier } from '../chain-verifier.ts';
import { decodeEvent } from '../event-codec.ts';
import type { Verification } from '../event-log.ts';
import type { RangeSource } from './shared-range.ts';

/** What the reader of a whole stream is told. */
export interface VerifyOptions {
  /** Damage that is known: then what follows the last whole batch is looked at too, to find its place. */
  readonly damaged: MeshError | undefined;
  /** The rolling hash at a position, as this process knows it. */
  readonly hashAt: (position: number) => Promise<string>;
  /** Throws when the log has been closed meanwhile. */
  readonly assertOpen: () => void;
}

/** Names the first position that is not as it should be. Rejects with `unavailable`. */
export async function verifyStream({ stream, replica }: RangeSource, options: VerifyOptions): Promise<Verification> {
  const { assertOpen, damaged, hashAt } = options;
  // Taken before asking: the replica may move on, or be amid a batch.
  const known = damaged === undefined ? replica.messageOf(replica.head.position).sequence : replica.sequence;
  const lastSequence = await stream.lastSequence();
  const verifier = new ChainVerifier();
  const problemAt = (problem: string): Verification => ({ ok: false, position: verifier.state.position + 1, problem });
  for await (const { messages, missing } of stream.messages(1, Math.min(known, lastSequence))) {
    assertOpen();
    for (const text of messages.flatMap((message) => message.texts)) {
      const problem = problemOf(verifier, text);
      if (problem !== undefined) return problemAt(problem);
    }
    if (missing !== undefined) return problemAt(`the stream has lost message ${missing}`);
  }
  if (lastSequence < known) return problemAt(`the stream has lost what came after message ${lastSequence}`);
  if (damaged !== undefined) return problemAt(damaged.message);
  const { position, hash, time } = verifier.state;
  if ((await hashAt(position)) !== hash) return problemAt('the rolling hash is not the one seen before');
  return { ok: true, events: position, head: { position, hash, time } };
}

function problemOf(verifier: ChainVerifier, text: string): string | undefined {
  try {
    return verifier.add(decodeEvent(text), text);
  } catch (error) {
    return messageOf(error);
  }
}
