// The statsd handler: metrics as lines over UDP (github.com/statsd/statsd, docs/metric_types.md).
import { createSocket, type Socket } from 'node:dgram';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { StatsdParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { isNamed, mapOf, numberOf, textOf } from './field-values.ts';
import type { Handler, HandlerKind, Instance } from './handler.ts';

/** Mixer's default; fits into every network's packets. */
const defaultFlushBytes = 512;
/** Mixer's default. */
const defaultAddress = 'localhost:8125';

/** See the file's first line. */
export const statsd: HandlerKind<StatsdParams> = {
  name: 'statsd',
  templates: ['metric'],
  create: (params) => new StatsdHandler(params),
};

class StatsdHandler implements Handler {
  readonly #params: StatsdParams;
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #count = 0;

  constructor(params: StatsdParams) {
    this.#params = params;
    const { host, port } = addressOf(params.address || defaultAddress, 8125);
    this.#host = host;
    this.#port = port;
  }

  async report(batch: readonly Instance[]): Promise<void> {
    const lines = batch.flatMap((instance) => this.#lineOf(instance) ?? []);
    for (const packet of packets(lines, this.#params.flushBytes || defaultFlushBytes)) await this.#send(packet);
  }

  async run(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#socket?.close();
    this.#socket = undefined;
  }

  #lineOf(instance: Instance): string | undefined {
    const { prefix, metrics = {}, samplingRate = 1 } = this.#params;
    const found = Object.entries(metrics).find(([name]) => isNamed(instance, name));
    const value = numberOf(instance.fields.value);
    if (value === undefined) return undefined;
    // Every nth: as fair as chance, and the same each time.
    if (samplingRate < 1 && Math.floor(++this.#count * samplingRate) === Math.floor((this.#count - 1) * samplingRate))
      return undefined;
    const type = { GAUGE: 'g', DISTRIBUTION: 'ms', COUNTER: 'c', UNKNOWN: 'c' }[found?.[1].type ?? 'COUNTER'];
    const name = nameOf(instance, found?.[1].nameTemplate);
    return `${prefix ? `${prefix}.` : ''}${name}:${value}|${type}${samplingRate < 1 ? `|@${samplingRate}` : ''}`;
  }

  #send(packet: string): Promise<void> {
    this.#socket ??= createSocket('udp4').on('error', () => {
      this.#socket?.close();
      this.#socket = undefined;
    });
    this.#socket.unref();
    return new Promise((resolve, reject) => {
      this.#socket?.send(packet, this.#port, this.#host, (error) =>
        error
          ? reject(
              new MeshError('unavailable', `statsd at ${this.#host}:${this.#port}: ${error.message}`, { cause: error }),
            )
          : resolve(),
      );
    });
  }
}

/** The instance's name, or the template with `{{.dimension}}` filled in; what statsd reads as syntax is replaced. */
function nameOf({ name, fields }: Instance, template: string | undefined): string {
  const dimensions = mapOf(fields.dimensions);
  const text = template
    ? template.replaceAll(/\{\{\s*\.(\w+)\s*\}\}/g, (_, key: string) => textOf(dimensions[key]))
    : name;
  return text.replaceAll(/[:|@\s]/g, '_');
}

/** Lines joined into packets of at most `maxBytes`; a longer line goes alone. */
function packets(lines: readonly string[], maxBytes: number): readonly string[] {
  const out: string[] = [];
  let packet = '';
  for (const line of lines) {
    if (packet !== '' && Buffer.byteLength(packet) + 1 + Buffer.byteLength(line) > maxBytes) {
      out.push(packet);
      packet = '';
    }
    packet += packet === '' ? line : `\n${line}`;
  }
  return packet === '' ? out : [...out, packet];
}

/** Splits `host:port`; without a port it is `defaultPort`. Throws MeshError `invalid`. */
export function addressOf(address: string, defaultPort: number): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(address);
  const port = Number(match?.[3] ?? defaultPort);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port < 1 || port > 65_535)
    throw new MeshError('invalid', `address ${JSON.stringify(address)}: expected HOST:PORT`);
  return { host, port };
}
