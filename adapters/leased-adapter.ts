// One of several replicas of an adapter: waits for the platform's lease, writes while it holds it, and stands by again when it has lost it.
import { randomUUID } from 'node:crypto';
import type { Lease, Leases } from '../events/lease.ts';
import { Latest } from '../lib/latest.ts';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import type { Service } from '../lib/service.ts';
import type { AdapterStatus } from './adapter-status.ts';
import { AdapterRunner, type AdapterRunnerOptions } from './runner.ts';

/** What a replica needs. */
export interface LeasedAdapterOptions extends Omit<AdapterRunnerOptions, 'session'> {
  readonly leases: Leases;
  /** Names this process to people. */
  readonly replica: string;
}

/**
 * Each term has a runner of its own, which begins with what the log says: what the writer before it held back, or said, is known to it.
 * A term ends when the lease is lost or when the log refuses its writes because another replica has opened a session.
 */
export class LeasedAdapter implements Service {
  readonly name: string;
  readonly status = new Latest<AdapterStatus>();
  readonly #options: LeasedAdapterOptions;

  constructor(options: LeasedAdapterOptions) {
    const { platform, instance } = options.adapter;
    this.#options = options;
    this.name = `adapter ${platform} ${instance}`;
    this.status.set({ platform, instance, state: 'starting', problems: new Map(), heldCount: 0, dampenedCount: 0 });
  }

  /** Runs terms until `signal` aborts; rejects when it does, or when the adapter fails. */
  async run(signal: AbortSignal): Promise<void> {
    const { adapter, leases, logger, replica } = this.#options;
    const holder = `${replica}/${randomUUID()}`;
    for (;;) {
      const lease = await leases.acquire(leaseNameOf(adapter), {
        holder,
        signal,
        onStandby: (writer) => this.#standBy(writer),
      });
      logger.info({ adapter: this.name, epoch: lease.epoch }, 'this replica writes');
      try {
        await this.#term(lease, signal);
        // An adapter that ends by itself is started again with a pause.
        if (!lease.lost.aborted) return;
      } catch (error) {
        signal.throwIfAborted();
        if (!lease.lost.aborted && !(error instanceof MeshError && error.code === 'conflict')) throw error;
        logger.warn({ adapter: this.name, epoch: lease.epoch, reason: messageOf(error) }, 'no longer the writer');
      } finally {
        await lease.release();
      }
    }
  }

  async #term(lease: Lease, signal: AbortSignal): Promise<void> {
    const { leases: _, replica, ...options } = this.#options;
    const session = { holder: `${replica}/${randomUUID()}`, epoch: lease.epoch, confirm: () => lease.confirm() };
    const runner = new AdapterRunner({ ...options, session });
    const over = new AbortController();
    const showing = this.#show(runner, over.signal);
    try {
      await runner.run(AbortSignal.any([signal, lease.lost]));
    } finally {
      over.abort();
      await showing;
    }
  }

  async #show(runner: AdapterRunner, signal: AbortSignal): Promise<void> {
    for await (const status of runner.status.watch(signal)) this.status.set(status);
  }

  #standBy(writer: string): void {
    const { platform, instance } = this.#options.adapter;
    const { state, writer: known } = this.status.value ?? {};
    if (state === 'standby' && known === writer) return;
    this.#options.logger.info({ adapter: this.name, writer }, 'another replica writes; this one stands by');
    const nothing = { problems: new Map(), heldCount: 0, dampenedCount: 0 };
    this.status.set({ platform, instance, state: 'standby', writer, ...nothing });
  }
}

/** `adapters/PLATFORM/INSTANCE`. */
export function leaseNameOf({ platform, instance }: { readonly platform: string; readonly instance: string }): string {
  return `adapters/${platform}/${instance}`;
}
