// How an adapter is doing, and the board on which its runner keeps that.
import { Latest } from '../lib/latest.ts';
import type { Logger } from '../lib/logger.ts';

/** How an adapter is doing, for `periplus check`, metrics and /readyz. */
export interface AdapterStatus {
  readonly platform: string;
  readonly instance: string;
  /**
   * `starting`: it has not shown everything yet; `lost`: its platform can't be read, what it said before stays in force; `standby`:
   * another replica of it writes (`writer`), and this one takes over when that one no longer does.
   */
  readonly state: 'starting' | 'synced' | 'lost' | 'standby';
  /** Why it is lost. */
  readonly reason?: string;
  /** Who writes, while this one stands by. */
  readonly writer?: string;
  /** What is wrong with which scope; its previous content stays in force. */
  readonly problems: ReadonlyMap<string, string>;
  /** Things that vanished and are kept because the loss was judged to be too sudden. */
  readonly heldCount: number;
  /** When the first of them are deregistered, RFC 3339. */
  readonly heldUntil?: string;
  /** Flapping things whose newest state is not said yet. */
  readonly dampenedCount: number;
  /** When the platform was last read, RFC 3339. */
  readonly readAt?: string;
  /** When something the platform shows last changed, RFC 3339. */
  readonly changedAt?: string;
}

/** Fields to change; undefined takes an optional one away. */
export type StatusChanges = { readonly [K in keyof AdapterStatus]?: AdapterStatus[K] | undefined };

/** Mutable; belongs to one runner. Logs what gets worse. */
export class StatusBoard {
  readonly latest = new Latest<AdapterStatus>();
  readonly #logger: Logger;
  readonly #name: string;
  #current: AdapterStatus;

  constructor(adapter: { readonly platform: string; readonly instance: string }, name: string, logger: Logger) {
    const { platform, instance } = adapter;
    this.#logger = logger;
    this.#name = name;
    this.#current = { platform, instance, state: 'starting', problems: new Map(), heldCount: 0, dampenedCount: 0 };
    this.latest.set(this.#current);
  }

  get current(): AdapterStatus {
    return this.#current;
  }

  update(changes: StatusChanges): void {
    const { reason, heldUntil, ...status } = { ...this.#current, ...changes } as AdapterStatus;
    const optional = { ...(reason !== undefined && { reason }), ...(heldUntil !== undefined && { heldUntil }) };
    this.#current = { ...status, ...optional };
    this.latest.set(this.#current);
  }

  /** The platform can't be read now. */
  lost(reason: string): void {
    const { state, reason: known } = this.#current;
    if (state === 'lost' && known === reason) return;
    this.#logger.warn({ adapter: this.#name, reason }, 'the platform cannot be read; everything it showed is kept');
    this.update({ state: 'lost', reason });
  }

  /** `scope` can't be used; undefined: it can again. */
  problem(scope: string, message: string | undefined): void {
    const problems = new Map(this.#current.problems);
    if (problems.get(scope) === message) return;
    if (message === undefined) problems.delete(scope);
    else problems.set(scope, message);
    if (message !== undefined) this.#logger.warn({ adapter: this.#name, scope, problem: message }, 'not applied');
    this.update({ problems });
  }
}
