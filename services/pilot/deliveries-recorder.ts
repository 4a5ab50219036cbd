// Records what proxies were sent and answered in the deliveries log: off the hot path, in batches, bounded.
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
import type { EventLog } from '../../events/event-log.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import { RateLimit } from '../../lib/rate-limit.ts';
import type { Service } from '../../lib/service.ts';
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

/** Bounds of a recorder. */
export interface RecorderLimits {
  /** How long events wait for company, in ms: short for people, long enough for a wave of pushes and ACKs to be over before it is written. */
  readonly flushMs: number;
  /** A full batch does not wait. */
  readonly batchEvents: number;
  /** Events kept while the log is away: some minutes of a busy mesh, some 50 MB. Beyond it new ones are dropped and counted. */
  readonly maxBuffered: number;
  /** How long stopping may take, in ms. */
  readonly stopMs: number;
}

/** What is used where nothing else is said. */
export const defaultRecorderLimits: RecorderLimits = {
  flushMs: 50,
  batchEvents: 2000,
  maxBuffered: 100_000,
  stopMs: 2_000,
};

/** What names a stream in events. */
type StreamName = Pick<StreamIdentity, 'proxyId' | 'streamId'>;

/** An event in the making: manifests are hashed when the batch is made, not when the response is sent. */
type Pending = () => readonly NewEvent[];

/** Enough to see an attack or a mistake. */
const refusalRate = { perSecond: 1, burst: 20 } as const;

/** Manifests remembered as recorded; one that was forgotten is appended again under its id, which does nothing. */
const rememberedManifests = 10_000;

/** Resources named in one event: a client that names none may mean any of thousands. */
const maxNamed = 100;

/** See the file's first line. One per Pilot. */
export class DeliveriesRecorder implements Service, StreamObserver {
  readonly name = 'deliveries-recorder';
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #pilot: string;
  readonly #limits: RecorderLimits;
  readonly #manifests = new Set<string>();
  #nowOf = { ms: Number.NaN, text: '' };
  readonly #refusals: RateLimit;
  #pending: Pending[] = [];
  /** Made, but not acknowledged by the log. */
  #outgoing: NewEvent[] = [];
  #dropped = 0;
  #wake: (() => void) | undefined;

  constructor(options: {
    readonly deliveries: EventLog;
    readonly clock: Clock;
    readonly logger: Logger;
    /** Pilot's name: part of every event's source and id. */
    readonly pilot: string;
    readonly limits?: Partial<RecorderLimits>;
  }) {
    this.#log = options.deliveries;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#pilot = options.pilot;
    this.#refusals = new RateLimit(refusalRate, () => options.clock.nowMs());
    this.#limits = { ...defaultRecorderLimits, ...options.limits };
  }

  /** Events lost since the start because the log was away for too long or refused them. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Events that are not in the log yet. */
  get buffered(): number {
    return this.#pending.length + this.#outgoing.length;
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
    this.#add(() => [refusalEvent(refusal, { pilot: this.#pilot, time })]);
  }

  pushed(stream: StreamIdentity, push: PushRecord): void {
    const time = this.#now();
    this.#add(() => {
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
    this.#add(() => [event]);
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
    this.#add(() => {
      const event = this.#event<RejectionTraced>(stream, 'rejection-traced', { key, time, data });
      return [{ ...event, causes: causes.map(({ id }) => id) }];
    });
  }

  healthReported(): void {
    // A fact about the registry, not a delivery: health-reports.ts.
  }

  /** Writes until `signal` aborts, and then what is left. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      await this.#until(signal, failures);
      failures = (await this.#flush()) ? 0 : failures + 1;
    }
    await Promise.race([this.#flushAll(), this.#clock.sleep(this.#limits.stopMs)]);
    if (this.buffered > 0) this.#drop(this.buffered, 'Pilot stopped before the deliveries log took them');
  }

  /** Waits for something to write, and then for company; after failures longer each time, up to 5 s. */
  async #until(signal: AbortSignal, failures: number): Promise<void> {
    if (this.buffered === 0) {
      await new Promise<void>((resolve) => {
        const done = () => {
          signal.removeEventListener('abort', done);
          this.#wake = undefined;
          resolve();
        };
        this.#wake = done;
        signal.addEventListener('abort', done, { once: true });
      });
    }
    if (signal.aborted || (failures === 0 && this.buffered >= this.#limits.batchEvents)) return;
    const waitMs = Math.min(this.#limits.flushMs * 2 ** Math.min(failures, 12), 5_000);
    await this.#clock.sleep(waitMs, signal).catch(() => {});
  }

  async #flushAll(): Promise<void> {
    while (this.buffered > 0) if (!(await this.#flush())) return;
  }

  /** Appends one batch; false when the log did not take it. */
  async #flush(): Promise<boolean> {
    if (this.#outgoing.length === 0) {
      this.#outgoing = this.#pending.splice(0, this.#limits.batchEvents).flatMap((make) => make());
    }
    if (this.#outgoing.length === 0) return true;
    try {
      await this.#log.append(this.#outgoing.map((event) => ({ event })));
      this.#outgoing = [];
      return true;
    } catch (error) {
      if (error instanceof MeshError && error.code === 'invalid') return await this.#flushOneByOne();
      this.#logger.warn(
        { error: messageOf(error), buffered: this.buffered },
        'the deliveries log does not take events; keeping them',
      );
      return false;
    }
  }

  /** One event that the log refuses must not cost the others. */
  async #flushOneByOne(): Promise<boolean> {
    for (let event = this.#outgoing[0]; event; event = this.#outgoing[0]) {
      try {
        await this.#log.append([{ event }]);
      } catch (error) {
        if (!(error instanceof MeshError && error.code === 'invalid')) return false;
        this.#drop(1, messageOf(error));
      }
      this.#outgoing.shift();
    }
    return true;
  }

  #record<Fact extends NewEvent>(
    stream: StreamName,
    type: Fact['type'] extends `io.periplus.delivery.${infer Name}` ? Name : never,
    key: string,
    data: Fact['data'],
  ): void {
    const time = this.#now();
    this.#add(() => [this.#event<Fact>(stream, type, { key, time, data })]);
  }

  #add(make: Pending): void {
    if (this.buffered >= this.#limits.maxBuffered) {
      this.#drop(1, 'the deliveries log has been away for too long');
      return;
    }
    this.#pending.push(make);
    this.#wake?.();
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

  #drop(count: number, reason: string): void {
    const before = this.#dropped;
    this.#dropped += count;
    // Loud, but not a line per event: the first, and then each thousandth.
    if (before === 0 || Math.floor(before / 1000) !== Math.floor(this.#dropped / 1000)) {
      this.#logger.error({ dropped: this.#dropped, reason }, 'delivery events were lost');
    }
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
