// Asks Pilot how to start the proxy and what to probe, by an ADS stream of its own, before Envoy starts and for as long as that may change.
import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { DiscoveryRequestSchema, DiscoveryResponseSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.js';
import type { Clock } from '../lib/clock.ts';
import { Latest } from '../lib/latest.ts';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import type { Service } from '../lib/service.ts';
import { agentSettingsName, agentSettingsTypeUrl } from '../mesh/agent-settings.ts';
import { checkSchema } from '../mesh/config/check-schema.ts';
import { type AgentSettings, agentSettingsSchema } from '../mesh/config/schemas/agent-settings.ts';
import { agentNode, openPilotStream, refusedCode } from './pilot-stream.ts';
import type { Json } from './proxy-node.ts';

/** Longest wait for the first answer, in ms: a proxy whose Pilots are silent starts with what its agent was told itself. */
const patienceMs = 5_000;

/** Who asks, and whom. */
export interface SettingsWatchOptions {
  /** `host:port` of each Pilot; the next is tried when one fails. */
  readonly pilotAddresses: readonly [string, ...string[]];
  readonly node: Readonly<Record<string, Json>>;
  /** How Pilot is spoken to, asked before each connection. Where it gives none: in plaintext. */
  readonly credentials: (signal: AbortSignal) => Promise<ChannelCredentials | undefined>;
  /** Whether changes count after the start: a probe's do. Else the stream is closed after the first answer. */
  readonly follow: boolean;
  readonly clock: Clock;
}

/** See the file's first line. Rejects when the stream ends, to be started again. */
export class SettingsWatch implements Service {
  readonly name = 'settings watch';
  /** What Pilot said last. */
  readonly settings = new Latest<AgentSettings>();
  readonly #options: SettingsWatchOptions;
  readonly #firstRound = new AbortController();
  #attempts = 0;

  constructor(options: SettingsWatchOptions) {
    this.#options = options;
  }

  /** Resolves with the first answer; with {} when no Pilot gives one, or `signal` aborts. */
  async first(signal: AbortSignal): Promise<AgentSettings> {
    const enough = AbortSignal.any([signal, this.#firstRound.signal]);
    await this.#options.clock.sleep(patienceMs, enough).catch(() => {});
    return this.settings.value ?? {};
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pilotAddresses } = this.#options;
    const address = pilotAddresses[this.#attempts % pilotAddresses.length] ?? pilotAddresses[0];
    if (!this.#isDone) {
      try {
        await this.#ask(address, signal);
      } catch (error) {
        if (++this.#attempts >= pilotAddresses.length) this.#firstRound.abort();
        if (!signal.aborted) throw new MeshError('unavailable', `Pilot at ${address}: ${messageOf(error)}`);
      }
    }
    for await (const _ of new Latest<never>().watch(signal));
  }

  get #isDone(): boolean {
    return !this.#options.follow && this.settings.value !== undefined;
  }

  async #ask(address: string, signal: AbortSignal): Promise<void> {
    const security = (await this.#options.credentials(signal)) ?? credentials.createInsecure();
    if (signal.aborted) return;
    const { client, stream } = openPilotStream(address, security, 'StreamAggregatedResources');
    // Reading reports errors; one that comes after it was given up is nobody's.
    stream.on('error', () => {});
    const stop = () => stream.cancel();
    signal.addEventListener('abort', stop, { once: true });
    try {
      stream.write(requestOf({ node: agentNode(this.#options.node) }));
      for await (const bytes of stream) {
        stream.write(this.#take(bytes as Buffer));
        if (this.#isDone) stream.end();
      }
      if (!this.#isDone) throw new MeshError('unavailable', 'ended the stream');
    } finally {
      signal.removeEventListener('abort', stop);
      stream.cancel();
      client.close();
    }
  }

  /** Takes an answer in; gives the acknowledgement, or why the answer is none. */
  #take(bytes: Buffer): Buffer {
    const { resources, nonce, versionInfo } = fromBinary(DiscoveryResponseSchema, bytes);
    const answer = { responseNonce: nonce, versionInfo };
    const [resource] = resources;
    const problems: string[] = [];
    const given = resource ? toJson(StructSchema, fromBinary(StructSchema, resource.value)) : {};
    const report = (_: unknown, message: string) => void problems.push(message);
    const settings = checkSchema(agentSettingsSchema, given, [], { report }) as AgentSettings;
    const [problem] = problems;
    if (problem !== undefined) return requestOf({ ...answer, errorDetail: { code: refusedCode, message: problem } });
    this.settings.set(settings);
    this.#firstRound.abort();
    return requestOf(answer);
  }
}

function requestOf(init: Parameters<typeof create<typeof DiscoveryRequestSchema>>[1]): Buffer {
  const asked = { typeUrl: agentSettingsTypeUrl, resourceNames: [agentSettingsName] };
  return Buffer.from(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { ...asked, ...init })));
}
