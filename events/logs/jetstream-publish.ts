// Publishes events as one atomic batch that is only taken when nobody else has written since (NATS ADR-50, error 10071).
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { MeshError } from '../../lib/mesh-error.ts';
import { answerMs, type NatsLink } from './jetstream-link.ts';
import { batchHeaders, encodeTexts, type OutgoingMessage } from './jetstream-message.ts';

/** What became of a batch. `moved`: the stream's last message was another one; nothing was stored. */
export type Published =
  | { readonly ok: true; readonly lastSequence: number }
  | { readonly ok: false; readonly moved: true };

/** What to publish where. */
export interface Publication {
  readonly subjectPrefix: string;
  /** At least one. */
  readonly messages: readonly OutgoingMessage[];
  /** The stream's last message must be this one. */
  readonly lastSequence: number;
  /** Unique: names the batch in the server's memory and in its messages. */
  readonly batchId: string;
}

/** Server errors (nats-server `server/errors.json`) that mean: another message is the last one. */
const movedCodes: readonly number[] = [10071, 10164];

interface Answer {
  readonly seq?: number;
  readonly count?: number;
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description: string };
}

/**
 * Resolves when the server has stored the batch durably, or refused it because the stream has moved on. Rejects with `exhausted` when the
 * server takes no such messages, else with `unavailable`, also when the server is full: then the batch may have been stored all the same, and who knows ids finds out.
 */
export async function publishBatch(link: NatsLink, publication: Publication): Promise<Published> {
  const answer = await link
    .ask((connection) => publish(connection, publication))
    .catch(async (error) => Promise.reject(await whyUnanswered(link, error)));
  if (answer.error !== undefined) return refused(answer.error);
  const { seq, count = 1 } = answer;
  if (seq !== publication.lastSequence + publication.messages.length || count !== publication.messages.length)
    throw new MeshError('unavailable', `NATS answered a batch with sequence ${seq} and count ${count}`);
  return { ok: true, lastSequence: seq };
}

async function publish(connection: NatsConnection, publication: Publication): Promise<Answer> {
  const { messages, subjectPrefix } = publication;
  const last = messages.length - 1;
  for (const [i, message] of messages.entries()) {
    const options = { headers: headersOf(publication, i) };
    const subject = `${subjectPrefix}.${message.subject}`;
    const body = encodeTexts(message.texts);
    if (i < last) connection.publish(subject, body, options);
    else return (await connection.request(subject, body, { ...options, timeout: answerMs })).json<Answer>();
  }
  throw new MeshError('invalid', 'an empty batch');
}

function headersOf({ messages, lastSequence, batchId }: Publication, index: number) {
  const all = headers();
  if (index === 0) all.set('Nats-Expected-Last-Sequence', String(lastSequence));
  // A single message is atomic by itself.
  if (messages.length === 1) return all;
  all.set(batchHeaders.id, batchId);
  all.set(batchHeaders.sequence, String(index + 1));
  if (index === messages.length - 1) all.set(batchHeaders.commit, '1');
  return all;
}

/**
 * A server that can't write answers nothing to what it can't store, also after there is room again until it is started anew (seen with 2.15.1
 * on a full disk), or turns JetStream off; about everything else it goes on answering. People have to hear more than "timeout".
 */
async function whyUnanswered(link: NatsLink, error: unknown): Promise<unknown> {
  if (!link.connected || !(error instanceof MeshError) || error.code !== 'unavailable') return error;
  const alive = await link
    .ask((connection) => connection.flush())
    .then(
      () => link.connected,
      () => false,
    );
  if (!alive) return error;
  const complaint = await link.complaint();
  const said = complaint === undefined ? `${error.message}; its own log says why` : `${error.message}: ${complaint}`;
  const message = `NATS is there but does not store the append (${said}). If its disk is full, make room and start it again: a stream that met a full disk stays closed until then`;
  return new MeshError('unavailable', message, { cause: error });
}

/** Answers that mean: the disk, `max_file_store`, the account or the stream (`max_bytes`, `max_msgs`) is full. */
const fullDescription = /insufficient|resource limits|no space|maximum (bytes|messages) exceeded/;

function refused(error: NonNullable<Answer['error']>): Published {
  if (movedCodes.includes(error.err_code ?? 0)) return { ok: false, moved: true };
  const answer = `${error.description} (${error.err_code ?? error.code})`;
  if (fullDescription.test(error.description)) {
    const advice =
      "raise its max_file or the stream's max_bytes; a server without max_file looks how much room its disk has when it starts: free the disk and start it again";
    throw new MeshError('unavailable', `NATS has no room for the log: ${answer}: ${advice}`);
  }
  const code = /maximum|too large|exceed/.test(error.description) ? 'exhausted' : 'unavailable';
  throw new MeshError(code, `NATS refuses the append: ${answer}`);
}
