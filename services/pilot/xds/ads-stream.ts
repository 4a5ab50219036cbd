// One ADS stream: who is at its other end, what it asks for and answers; stream-pusher.ts sends it what it is due. Knows no gRPC.
import type { Node } from '../../../gen/envoy/config/core/v3/base_pb.js';
import type { ProxyContext } from '../translate/proxy-context.ts';
import { type ResourceSet, type Translation, type TypeUrl, typeUrls } from '../translate/translation.ts';
import { admissionProblem, spiffeIdOf } from './client-proof.ts';
import { decodeDeltaRequest, decodeSotwRequest, type XdsRequest } from './request-codec.ts';
import type { Protocol } from './response-codec.ts';
import type { StreamMeans, StreamTransport } from './stream-means.ts';
import type { StreamIdentity } from './stream-observer.ts';
import { StreamPusher } from './stream-pusher.ts';
import { newSubscription, type Reception, receive, type Subscription } from './subscription.ts';
import { userAgentOf } from './user-agent.ts';

/** Istio's agents report their workload's health as a request of this type (`istio.v1.HealthInformation`; error_detail set means not ready). */
const healthTypeUrl = 'type.googleapis.com/istio.v1.HealthInformation';

/** See the file's first line. */
export class AdsStream {
  readonly id: string;
  readonly protocol: Protocol;
  readonly openedMs: number;
  readonly #transport: StreamTransport;
  readonly #means: StreamMeans;
  readonly #pusher: StreamPusher;
  #identity: StreamIdentity | undefined;
  #translation: Translation | undefined;
  #lastHealth: string | undefined;
  #ended = false;
  /** Whether the observer was told of this stream: an agent's, which only reports health, is no proxy that connected. */
  #announced = false;

  constructor(options: { id: string; protocol: Protocol; transport: StreamTransport; means: StreamMeans }) {
    this.id = options.id;
    this.protocol = options.protocol;
    this.#transport = options.transport;
    this.#means = options.means;
    const { transport, means } = options;
    this.#pusher = new StreamPusher({
      ...{ transport, means },
      identity: () => this.#identity,
      translation: () => this.#translation,
      isOver: () => this.#ended,
    });
    this.openedMs = options.means.clock.nowMs();
  }

  /** Undefined until the first request. */
  get identity(): StreamIdentity | undefined {
    return this.#identity;
  }

  /** The subscription of a type, for the admin API and tests. */
  subscription(typeUrl: string): Subscription | undefined {
    return this.#pusher.subscriptions.get(typeUrl);
  }

  /** Whether every type that the client asked for has been answered with the newest state. */
  get settled(): boolean {
    for (const subscription of this.#pusher.subscriptions.values()) if (subscription.inFlight) return false;
    return !this.#pusher.holds;
  }

  /** What of a translation is for this stream: secrets are those that its peer may have and that Pilot holds the keys of. */
  setOf(typeUrl: TypeUrl, translation: Translation): ResourceSet {
    return this.#pusher.setOf(typeUrl, translation);
  }

  /** Takes a request in. */
  receive(bytes: Uint8Array): void {
    if (this.#ended) return;
    const decode = this.protocol === 'sotw' ? decodeSotwRequest : decodeDeltaRequest;
    const request = decode(bytes, {
      interner: this.#means.interner,
      subscribed: this.#pusher.names,
    });
    if (request === undefined) {
      this.#fail('invalid', 'the request is not a discovery request');
      return;
    }
    if (!this.#identity && !this.#identify(request.node)) return;
    if (request.typeUrl === healthTypeUrl) this.#reportHealth(request);
    else {
      this.#announce();
      this.#subscribe(request);
    }
  }

  /** A newer translation: what the client lacks of it is sent as soon as order and the client allow. */
  update(translation: Translation): void {
    this.#translation = translation;
    this.flush();
  }

  /** Sends what can be sent now. */
  flush(): void {
    this.#pusher.flush();
  }

  /** The end of the certificate that let the client in, in ms since the epoch; Infinity for plaintext. */
  get provenUntilMs(): number {
    const { client } = this.#transport;
    return client.kind === 'svid' ? client.notAfterMs : Number.POSITIVE_INFINITY;
  }

  /** Lets go of what was held back for too long. */
  tick(): void {
    if (this.#pusher.holds) this.flush();
  }

  /** The stream is gone. */
  closed(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#identity && this.#announced) this.#means.observer.disconnected(this.#identity, reason);
  }

  #fail(code: 'invalid' | 'forbidden' | 'exhausted' | 'unavailable', message: string): void {
    this.closed(message);
    this.#transport.end(code, message);
  }

  /** Ends the stream from this side. */
  end(code: 'exhausted' | 'unavailable', message: string): void {
    if (!this.#ended) this.#fail(code, message);
  }

  #identify(node: Node | undefined): boolean {
    const context = node
      ? this.#means.contextOf(node, spiffeIdOf(this.#transport.client))
      : 'the first request has no node';
    if (node === undefined || typeof context === 'string') {
      this.#fail('invalid', typeof context === 'string' ? context : 'the first request has no node');
      return false;
    }
    if (!this.#admit(node.id, context)) return false;
    this.#identity = {
      streamId: this.id,
      proxyId: node.id,
      peer: this.#transport.peer,
      ...spiffeIdOf(this.#transport.client),
      userAgent: userAgentOf(node),
      protocol: this.protocol,
      context,
    };
    try {
      this.#translation = this.#means.join(this, context);
    } catch {
      this.#identity = undefined;
      this.#fail('unavailable', "no configuration can be made for this proxy now; see the control plane's log");
      return false;
    }
    return true;
  }

  /** Whether the client's certificate, if it had to show one, lets it be this proxy. */
  #admit(proxyId: string, context: ProxyContext): boolean {
    const { client, peer } = this.#transport;
    const reason = admissionProblem(client, { id: proxyId, context }, this.#means.trustDomain);
    if (reason === undefined) return true;
    this.#means.observer.refused({ streamId: this.id, proxyId, peer, spiffeId: spiffeIdOf(client).spiffeId, reason });
    this.#fail('forbidden', reason);
    return false;
  }

  #announce(): void {
    if (this.#announced || !this.#identity) return;
    this.#announced = true;
    this.#means.observer.connected(this.#identity, this.#translation?.position ?? 0);
  }

  #reportHealth(request: XdsRequest): void {
    const health = request.error ? `-${request.error.message}` : '+';
    if (!this.#identity || health === this.#lastHealth) return;
    this.#lastHealth = health;
    this.#means.observer.healthReported(this.#identity, {
      healthy: !request.error,
      reason: request.error?.message ?? '',
    });
  }

  #subscribe(request: XdsRequest): void {
    const before = this.#pusher.subscriptions.get(request.typeUrl) ?? newSubscription(this.protocol, request.typeUrl);
    const { next, reception } = receive(before, request);
    const excess = this.#excessOf(next);
    if (excess !== undefined) {
      this.#fail('exhausted', excess);
      return;
    }
    this.#pusher.subscriptions.set(request.typeUrl, before.started ? next : this.#pusher.warming.firstRequest(next));
    this.#answered(request.typeUrl, reception);
    this.flush();
  }

  #excessOf({ typeUrl, named }: Subscription): string | undefined {
    const { maxTypes, maxNames } = this.#means.limits;
    if (!this.#pusher.subscriptions.has(typeUrl) && this.#pusher.subscriptions.size >= maxTypes)
      return 'too many resource types';
    return named.size > maxNames ? `more than ${maxNames} names of ${typeUrl}` : undefined;
  }

  #answered(typeUrl: string, reception: Reception): void {
    if (!this.#identity || (reception.kind !== 'ack' && reception.kind !== 'nack')) return;
    const { nonce, position, sentMs, plan } = reception.of;
    if (typeUrl === typeUrls.endpoints) this.#pusher.warming.endpointsAnswered(plan);
    const latencyMs = this.#means.clock.nowMs() - sentMs;
    const sent = () => plan.selection.updated.map(({ name, version }) => [name, version] as const);
    const answer = { typeUrl, nonce, position, first: plan.first, latencyMs, sent };
    if (reception.kind === 'ack') this.#means.observer.acknowledged(this.#identity, answer);
    else
      this.#means.observer.rejected(this.#identity, {
        ...answer,
        code: reception.error?.code ?? 0,
        message: reception.error?.message ?? '',
      });
  }
}
