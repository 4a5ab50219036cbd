// New messages of a stream as the server sends them: one ordered consumer, until it or the connection breaks off.
import { type ConsumerMessages, DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsLink } from './jetstream-link.ts';
import { storedMessage } from './jetstream-message.ts';
import type { StreamName } from './jetstream-reader.ts';
import type { SharedStream } from './shared-stream.ts';

/** New messages are sent ahead by so many: enough to fill the time of a round trip. */
const aheadMessages = 1000;
/** The server says every second that it is still there; a consumer that is silent for two is made anew. */
const heartbeatMs = 1_000;
/** The server forgets a consumer that nobody asks for this long; in nanoseconds, as its API takes it. */
const inactiveNanos = 30_000_000_000;

/** See `SharedStream.follow`. */
export async function consumeStream(
  link: NatsLink,
  { stream, subjectPrefix }: StreamName,
  { after, signal, take }: Parameters<SharedStream['follow']>[0],
): Promise<void> {
  const consumer = await link.ask((connection) =>
    jetstream(connection).consumers.get(stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      inactive_threshold: inactiveNanos,
    }),
  );
  let messages: ConsumerMessages | undefined;
  const stop = () => messages?.stop();
  messages = await consumer.consume({
    max_messages: aheadMessages,
    idle_heartbeat: heartbeatMs,
    callback: (message) => {
      const subject = message.subject.slice(subjectPrefix.length + 1);
      const header = (name: string) => message.headers?.get(name) ?? '';
      if (!take(storedMessage({ sequence: message.seq, subject }, message.string(), header))) stop();
    },
  });
  const forget = link.onReconnect(stop);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  void stopOnTrouble(messages);
  await messages.closed();
  forget();
  signal.removeEventListener('abort', stop);
  if (link.connected) await consumer.delete().catch(() => {});
}

async function stopOnTrouble(messages: ConsumerMessages): Promise<void> {
  for await (const { type } of messages.status()) {
    if (type === 'heartbeats_missed' || type === 'consumer_not_found' || type === 'stream_not_found') messages.stop();
  }
}
