// The kafka handler: metrics and log entries as JSON messages of one topic, acknowledged by all in-sync replicas.
import { Producer, stringSerializers } from '@platformatic/kafka';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import type { KafkaParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { mapOf, timeMsOf } from './field-values.ts';
import type { Handler, HandlerKind, HandlerMeans, Instance } from './handler.ts';

/** Kafka's usual port. */
const defaultBrokers = ['localhost:9092'];
/** Waits for the answers of all in-sync replicas. */
const acksAll = -1;
/** The runner's deadline is far shorter; this ends what it no longer waits for. */
const requestMs = 10_000;

/** See the file's first line. */
export const kafka: HandlerKind<KafkaParams> = {
  name: 'kafka',
  templates: ['metric', 'logentry'],
  create: (params, means) => kafkaHandler(params, means),
};

function kafkaHandler({ brokers, topic, clientId }: KafkaParams, { name, clock }: HandlerMeans): Handler {
  const addresses = brokers?.length ? [...brokers] : defaultBrokers;
  let producer: Producer<string, string, string, string> | undefined;
  const connected = () =>
    (producer ??= new Producer({
      clientId: clientId || `periplus-mixer-${name}`,
      bootstrapBrokers: addresses,
      acks: acksAll,
      idempotent: true,
      autocreateTopics: false,
      serializers: stringSerializers,
      timeout: requestMs,
      connectTimeout: requestMs / 2,
      retries: 1,
    }));
  const close = async () => {
    const old = producer;
    producer = undefined;
    try {
      await Promise.resolve(old?.close(true));
    } catch {
      // It had no connection to close.
    }
  };
  return {
    async report(batch, signal) {
      const nowMs = clock.nowMs();
      const messages = batch.map((instance) => ({
        topic,
        key: instance.name,
        value: JSON.stringify(messageFor(instance, nowMs)),
      }));
      try {
        await abortable(connected().send({ messages }), signal);
      } catch (error) {
        // A producer that failed keeps state of the broker that it knew.
        void close();
        throw new MeshError('unavailable', `Kafka at ${addresses.join()}: ${messageOf(error)}`, { cause: error });
      }
    },
    async run(signal) {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      await close();
    },
  };
}

/** The client waits for ever for a broker that died while it had a request. */
function abortable(sending: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  sending.catch(() => {});
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new Error('no answer in time'));
    signal.addEventListener('abort', onAbort, { once: true });
    void sending.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function messageFor({ template, name, fields }: Instance, nowMs: number) {
  const time = new Date(timeMsOf(fields.timestamp, nowMs)).toISOString();
  if (template === 'metric') return { template, name, time, value: fields.value, dimensions: mapOf(fields.dimensions) };
  return { template, name, time, severity: fields.severity, variables: mapOf(fields.variables) };
}
