// The fluentd handler: log entries by Fluentd's forward protocol, each batch confirmed (github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1).
import { connect, type Socket } from 'node:net';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { FluentdParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { mapOf, textOf, timeMsOf } from './field-values.ts';
import type { FieldValue, Handler, HandlerKind, HandlerMeans, Instance } from './handler.ts';
import { type Packable, pack, unpack } from './message-pack.ts';
import { addressOf } from './statsd.ts';

/** Mixer's default. */
const defaultAddress = 'localhost:24224';
/** An answer is a map with one short text: whoever sends more is no Fluentd. */
const maxAnswerBytes = 4096;

/** See the file's first line. */
export const fluentd: HandlerKind<FluentdParams> = {
  name: 'fluentd',
  templates: ['logentry'],
  create: (params, means) => new FluentdHandler(params, means),
};

class FluentdHandler implements Handler {
  readonly #means: HandlerMeans;
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #chunks = 0;

  constructor({ address }: FluentdParams, means: HandlerMeans) {
    this.#means = means;
    const { host, port } = addressOf(address || defaultAddress, 24224);
    this.#host = host;
    this.#port = port;
  }

  /** One message for each tag (a variable `tag`, else the instance's name), confirmed by Fluentd once it has buffered it. */
  async report(batch: readonly Instance[], signal: AbortSignal): Promise<void> {
    const nowMs = this.#means.clock.nowMs();
    for (const [tag, instances] of Map.groupBy(batch, tagOf)) {
      const entries = instances.map(
        (one): Packable => [Math.floor(timeMsOf(one.fields.timestamp, nowMs) / 1000), recordOf(one)],
      );
      const chunk = `${this.#means.name}-${++this.#chunks}`;
      await this.#deliver(pack([tag, entries, { chunk, size: entries.length }]), chunk, signal);
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#socket?.destroy();
  }

  #deliver(message: Buffer, chunk: string, signal: AbortSignal): Promise<void> {
    const socket = this.#connected();
    let received = Buffer.alloc(0);
    return new Promise((resolve, reject) => {
      const end = (error?: Error) => {
        socket.off('data', onData).off('error', end).off('close', onClose);
        signal.removeEventListener('abort', onAbort);
        if (error === undefined) return resolve();
        // An answer that comes later would be taken for the next batch's.
        socket.destroy();
        reject(
          new MeshError('unavailable', `fluentd at ${this.#host}:${this.#port}: ${error.message}`, { cause: error }),
        );
      };
      const onAbort = () => end(new Error('no confirmation in time'));
      const onClose = () => end(new Error('closed the connection'));
      const onData = (data: Buffer) => {
        received = Buffer.concat([received, data]);
        if (received.length > maxAnswerBytes) return end(new Error('answers more than a confirmation'));
        const answer = unpack(received);
        if (answer !== undefined) end(isAck(answer.value, chunk) ? undefined : new Error('confirms something else'));
      };
      socket.on('data', onData).on('error', end).on('close', onClose);
      signal.addEventListener('abort', onAbort, { once: true });
      socket.write(message);
    });
  }

  #connected(): Socket {
    if (this.#socket === undefined || this.#socket.destroyed) {
      this.#socket = connect(this.#port, this.#host);
      // Without a listener an error between two batches would end the process.
      this.#socket.on('error', () => {});
      this.#socket.unref();
    }
    return this.#socket;
  }
}

function tagOf({ name, fields }: Instance): string {
  const { tag } = mapOf(fields.variables);
  return tag === undefined ? name : textOf(tag);
}

/** An instance whose variable is the tag is told by `name`, as in Mixer. */
function recordOf({ name, fields }: Instance): { readonly [key: string]: Packable } {
  const { tag, ...variables } = mapOf(fields.variables);
  return { ...packable(variables), ...(tag === undefined ? {} : { name }), severity: textOf(fields.severity) };
}

function packable(map: Readonly<Record<string, FieldValue>>): { readonly [key: string]: Packable } {
  return Object.fromEntries(
    Object.entries(map).map(([key, value]) => [key, typeof value === 'object' ? packable(value) : value]),
  ) as { readonly [key: string]: Packable };
}

function isAck(value: Packable, chunk: string): boolean {
  return typeof value === 'object' && value !== null && 'ack' in value && value.ack === chunk;
}
