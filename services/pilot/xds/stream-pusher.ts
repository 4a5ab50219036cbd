// Sends one stream what it is due, in an order that never breaks traffic (push-order.ts), as far as its client reads.
import { emptySet } from '../translate/resource-set.ts';
import { type ResourceSet, type Translation, type TypeUrl, typeUrls } from '../translate/translation.ts';
import { ClusterWarming } from './cluster-warming.ts';
import type { NameSet } from './name-set.ts';
import { isSettled, planNext } from './plan.ts';
import { gateFor, gatewayPushOrder, type OrderView, pushOrder } from './push-order.ts';
import type { StreamMeans, StreamTransport } from './stream-means.ts';
import type { StreamIdentity } from './stream-observer.ts';
import { accept, type InFlight, type Plan, type Subscription, sent } from './subscription.ts';

/** What a pusher sends for. */
export interface PusherOptions {
  readonly transport: StreamTransport;
  readonly means: StreamMeans;
  /** Undefined until the stream's first request. */
  readonly identity: () => StreamIdentity | undefined;
  /** The newest; undefined before there is one. */
  readonly translation: () => Translation | undefined;
  /** Whether nothing may be sent any more. */
  readonly isOver: () => boolean;
}

/** See the file's first line. It holds the stream's subscriptions: what was sent changes them as what was asked does. */
export class StreamPusher {
  readonly subscriptions = new Map<string, Subscription>();
  readonly warming = new ClusterWarming();
  readonly #options: PusherOptions;
  readonly #serials = new Map<string, number>();
  readonly #heldSinceMs = new Map<string, number>();

  constructor(options: PusherOptions) {
    this.#options = options;
  }

  /** Whether something is held back until others are in place. */
  get holds(): boolean {
    return this.#heldSinceMs.size > 0;
  }

  /** Names of all types that the client named. */
  get names(): readonly NameSet[] {
    const sets: NameSet[] = [];
    for (const { named } of this.subscriptions.values()) if (named.size > 0) sets.push(named);
    return sets;
  }

  /** Sends what of the newest translation can be sent now. */
  flush(): void {
    // Accepting a change without a response (nothing in it for this client) can open the gate of an earlier type.
    for (let again = true; again && !this.#options.isOver(); ) {
      const translation = this.#options.translation();
      again = translation !== undefined && this.#flushOnce(translation);
    }
  }

  /** What of a translation is for this stream: secrets are those that its peer may have and that Pilot holds the keys of. */
  setOf(typeUrl: TypeUrl, translation: Translation): ResourceSet {
    if (typeUrl !== typeUrls.secret) return translation.resources(typeUrl);
    const identity = this.#options.identity();
    return (identity && this.#options.means.secretsOf?.(identity, translation)) ?? emptySet;
  }

  /** One pass over the types; true when another one may find more to do. */
  #flushOnce(translation: Translation): boolean {
    let view: OrderView | undefined;
    let again = false;
    for (const typeUrl of this.#typesInOrder()) {
      const subscription = this.subscriptions.get(typeUrl);
      if (!subscription || subscription.inFlight) continue;
      const set = this.setOf(typeUrl as TypeUrl, translation);
      if (isSettled(subscription, set)) {
        this.#watchHold(typeUrl, false);
        continue;
      }
      view ??= this.#orderView(translation);
      const gate = gateFor(typeUrl, view);
      const decision = planNext(subscription, set, gate, this.#options.means.selections);
      if (decision.kind === 'accept') {
        again ||= subscription.base !== decision.plan.set;
        this.subscriptions.set(typeUrl, accept(subscription, decision.plan));
      } else if (decision.kind === 'send') {
        if (!this.#options.transport.canWrite()) return false;
        this.#send(subscription, decision.plan, translation);
      }
      const after = this.subscriptions.get(typeUrl) ?? subscription;
      this.#watchHold(
        typeUrl,
        after.lingering.size > 0 ||
          (!gate.changes && !after.inFlight && decision.kind === 'wait' && after.base !== set),
      );
    }
    return again;
  }

  #orderView(translation: Translation): OrderView {
    const nowMs = this.#options.means.clock.nowMs();
    return {
      subscriptions: this.subscriptions,
      translation,
      selections: this.#options.means.selections,
      order: this.#order(),
      awaitedEndpoints: this.warming.awaited,
      patienceMs: this.#options.means.limits.patienceMs,
      heldMs: (typeUrl) => nowMs - (this.#heldSinceMs.get(typeUrl) ?? nowMs),
    };
  }

  #typesInOrder(): readonly string[] {
    const order = this.#order();
    let others: string[] | undefined;
    for (const typeUrl of this.subscriptions.keys()) if (!order.includes(typeUrl)) (others ??= []).push(typeUrl);
    return others === undefined ? order : [...order, ...others];
  }

  #order(): readonly string[] {
    return this.#options.identity()?.context.type === 'router' ? gatewayPushOrder : pushOrder;
  }

  #watchHold(typeUrl: string, held: boolean): void {
    if (!held) this.#heldSinceMs.delete(typeUrl);
    else if (!this.#heldSinceMs.has(typeUrl)) this.#heldSinceMs.set(typeUrl, this.#options.means.clock.nowMs());
  }

  #send(subscription: Subscription, plan: Plan, translation: Translation): void {
    const { typeUrl, protocol } = subscription;
    // Delta's version is "for debugging purposes only": the position lets proxies with different contexts share bytes.
    const version = protocol === 'delta' ? String(translation.position) : plan.version;
    const response = this.#options.means.responses.get(
      { protocol, typeUrl, version, selection: plan.selection },
      this.#serials.get(typeUrl) ?? 0,
    );
    const inFlight: InFlight = {
      nonce: response.nonce,
      position: translation.position,
      sentMs: this.#options.means.clock.nowMs(),
      plan,
    };
    this.#serials.set(typeUrl, response.serial);
    this.subscriptions.set(typeUrl, sent(subscription, inFlight));
    if (typeUrl === typeUrls.cluster)
      this.warming.clustersSent({ before: subscription, plan, translation, subscriptions: this.subscriptions });
    this.#options.transport.write(response.bytes);
    const identity = this.#options.identity();
    if (identity) {
      this.#options.means.observer.pushed(identity, {
        typeUrl,
        nonce: response.nonce,
        position: translation.position,
        whole: plan.whole,
        first: plan.first,
        bytes: response.bytes.length,
        kept: plan.kept,
        manifest: () => this.#options.means.responses.manifest(typeUrl, plan.selection),
      });
    }
  }
}
