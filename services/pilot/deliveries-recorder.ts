// Records what proxies were sent and answered, as events for the deliveries log; delivery-writer.ts writes them off the hot path.
import type {
  Acknowledged,
  ManifestRecorded,
  PilotProgressed,
  ProxyConnected,
  ProxyDisconnected,
  Pushed,
  Rejected,
  RejectionTraced,
} from '../../events/delivery-facts.ts';
import { pilotSubject, proxySubject } from '../../events/delivery-facts.ts';
import type { NewEvent } from '../../events/envelope.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { RateLimit } from '../../lib/rate-limit.ts';
import type { Service } from '../../lib/service.ts';
import { DeliveryWriter, type DeliveryWriterOptions } from './delivery-writer.ts';
import { refusalEvent } from './refusal-event.ts';
import type { TracedRejection } from './rejections/rejection-tracer.ts';
import type { Manifest } from './xds/response-cache.ts';
import type {
  AnswerRecord,
  PushRecord,
  RejectionRecord,
  StreamIdentity,
  StreamObserver,
  StreamRefusal,
} from './xds/stream-observer.ts';

/** What names a stream in events. */
type StreamName = Pick<StreamIdentity, 'proxyId' | 'streamId'>;

/** Enough to see an attack or a mistake. */
const refusalRate = { perSecond: 1, burst: 20 } as const;

/** Manifests remembered as recorded; one that was forgotten is appended again under its id, which does nothing. */
const rememberedManifests = 10_000;

/** Resources named in one event: a client that names none may mean any of thousands. */
const maxNamed = 100;

/** See the file's first line. One per Pilot. */
export class DeliveriesRecorder implements Service, StreamObserver {
  readonly name = 'deliveries-recorder';
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #pilot: string;
  readonly #writer: DeliveryWriter;
  readonly #manifests = new Set<string>();
  #nowOf = { ms: Number.NaN, text: '' };
  readonly #refusals: RateLimit;

  /** `pilot`: its name, part of every event's source and id. */
  constructor(options: DeliveryWriterOptions & { readonly pilot: string }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#pilot = options.pilot;
    this.#writer = new DeliveryWriter(options);
    this.#refusals = new RateLimit(refusalRate, () => options.clock.nowMs());
  }

  /** Events lost since the start because the log was away for too long or refused them. */
  get dropped(): number {
    return this.#writer.dropped;
  }

  /** Events that are not in the log yet. */
  get buffered(): number {
    return this.#writer.buffered;
  }

  connected(stream: StreamIdentity, position: number): void {
    const { proxyId, streamId, peer, spiffeId, userAgent, protocol, context } = stream;
    this.#record<ProxyConnected>(stream, 'proxy-connected', 'connected', {
      proxyId,
      streamId,
      pilot: this.#pilot,
      peer,
      ...(spiffeId !== undefined && { spiffeId }),
      userAgent,
      protocol,
      context,
      position,
    });
  }

  disconnected(stream: StreamName, reason: string): void {
    const { proxyId, streamId } = stream;
    this.#record<ProxyDisconnected>(stream, 'proxy-disconnected', 'disconnected', { proxyId, streamId, reason });
  }

  /** In the log once a second at most: it is not for strangers to fill. */
  refused(refusal: StreamRefusal): void {
    const { proxyId, peer, spiffeId, reason } = refusal;
    this.#logger.warn({ proxy: proxyId.slice(0, 500), peer, spiffeId, reason }, 'a stream was refused');
    if (!this.#refusals.take('all')) return;
    const time = this.#now();
    this.#writer.add(() => [refusalEvent(refusal, { pilot: this.#pilot, time })]);
  }

  pushed(stream: StreamIdentity, push: PushRecord): void {
    const time = this.#now();
    this.#writer.add(() => {
      const manifest = push.manifest();
      const { typeUrl, nonce, position, whole, bytes, kept } = push;
      const data = {
        ...answerOf(stream, { typeUrl, nonce, position }),
        manifest: manifest.hash,
        whole,
        bytes,
        ...(kept.length > 0 && { kept }),
      };
      const pushed = this.#event<Pushed>(stream, 'pushed', { key: `pushed/${typeUrl}/${nonce}`, time, data });
      return [...this.#manifestOnce(typeUrl, manifest, time), pushed];
    });
  }

  acknowledged(stream: StreamIdentity, answer: AnswerRecord): void {
    const { typeUrl, nonce, latencyMs } = answer;
    const data = { ...answerOf(stream, answer), latencyMs };
    this.#record<Acknowledged>(stream, 'acknowledged', `acknowledged/${typeUrl}/${nonce}`, data);
  }

  rejected(stream: StreamIdentity, answer: RejectionRecord): void {
    const { typeUrl, nonce, code } = answer;
    // Envoy repeats the offending resource in its message; the first part says what is wrong.
    const data = { ...answerOf(stream, answer), code, message: answer.message.slice(0, 4000).toWellFormed() };
    this.#record<Rejected>(stream, 'rejected', `rejected/${typeUrl}/${nonce}`, data);
  }

  /** After all that was recorded of the streams before it, rejections included. */
  progressed(progress: Omit<PilotProgressed['data'], 'pilot'>): void {
    const [pilot, time] = [this.#pilot, this.#now()];
    const event: PilotProgressed = {
      id: `${pilot}/progressed/${time}/${progress.position}/${progress.waiting}`,
      source: `/pilot/${pilot}`,
      type: 'io.periplus.delivery.pilot-progressed',
      subject: pilotSubject(pilot),
      time,
      actor: 'system:pilot',
      causes: [],
      data: { pilot, ...progress },
    };
    this.#writer.add(() => [event]);
  }

  /** What a rejection was found to come from. */
  rejectionTraced({ stream, rejection, resources, causes }: TracedRejection): void {
    const { typeUrl, nonce } = rejection;
    const data: RejectionTraced['data'] = {
      ...answerOf(stream, rejection),
      resources: resources.slice(0, maxNamed),
      causes: causes.map(({ position, id, type, subject }) => ({ position, id, type, subject })),
    };
    const time = this.#now();
    const key = `rejection-traced/${typeUrl}/${nonce}`;
    this.#writer.add(() => {
      const event = this.#event<RejectionTraced>(stream, 'rejection-traced', { key, time, data });
      return [{ ...event, causes: causes.map(({ id }) => id) }];
    });
  }

  healthReported(): void {
    // A fact about the registry, not a delivery: health-reports.ts.
  }

  /** Writes until `signal` aborts, and then what is left. */
  run(signal: AbortSignal): Promise<void> {
    return this.#writer.run(signal);
  }

  #record<Fact extends NewEvent>(
    stream: StreamName,
    type: Fact['type'] extends `io.periplus.delivery.${infer Name}` ? Name : never,
    key: string,
    data: Fact['data'],
  ): void {
    const time = this.#now();
    this.#writer.add(() => [this.#event<Fact>(stream, type, { key, time, data })]);
  }

  #event<Fact extends NewEvent>(
    stream: StreamName,
    type: string,
    { key, time, data }: { readonly key: string; readonly time: string; readonly data: Fact['data'] },
  ): NewEvent {
    return {
      id: `${this.#pilot}/${stream.streamId}/${key}`,
      source: `/pilot/${this.#pilot}`,
      type: `io.periplus.delivery.${type}`,
      subject: proxySubject(stream.proxyId),
      time,
      actor: `proxy:${stream.proxyId}`,
      causes: [],
      data,
    };
  }

  #manifestOnce(typeUrl: string, { hash, resources, removed }: Manifest, time: string): NewEvent[] {
    if (this.#manifests.has(hash)) return [];
    if (this.#manifests.size >= rememberedManifests) this.#manifests.clear();
    this.#manifests.add(hash);
    const data: ManifestRecorded['data'] = { manifest: hash, typeUrl, resources, removed };
    return [
      {
        id: `manifest/${hash}`,
        source: `/pilot/${this.#pilot}`,
        type: 'io.periplus.delivery.manifest-recorded',
        subject: `manifest/${hash}`,
        time,
        actor: 'system:pilot',
        causes: [],
        data,
      },
    ];
  }

  /** A wave has many events within one millisecond: its text is made once. */
  #now(): string {
    const ms = this.#clock.nowMs();
    if (ms !== this.#nowOf.ms) this.#nowOf = { ms, text: new Date(ms).toISOString() };
    return this.#nowOf.text;
  }
}

function answerOf(
  stream: StreamIdentity,
  of: { readonly typeUrl: string; readonly nonce: string; readonly position: number },
) {
  const { proxyId, streamId } = stream;
  const { typeUrl, nonce, position } = of;
  return { proxyId, streamId, typeUrl, nonce, position };
}
