// Leases in a NATS KV bucket (NATS ADR-8): a key that its holder renews and that the server forgets when nobody does.
import { randomUUID } from 'node:crypto';
import { JetStreamApiError } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { HeldLease, Lease, LeaseRequest, Leases } from '../lease.ts';
import { openBucket } from './jetstream-kv.ts';
import { type Holding, keyOf, listLeases, standbyKeyOf } from './jetstream-lease-list.ts';
import type { NatsLink } from './jetstream-link.ts';

/**
 * How long a lease outlives its last renewal, in milliseconds: longer than a garbage collection, a slow disk or a restart of the NATS
 * server takes, short enough that a dead holder's platform is watched again before anybody calls.
 */
export const defaultLeaseMs = 15_000;

/** Renewals in that time: two may fail. */
const renewalsPerLease = 3;

/** How often whoever stands by tries to get it: a released lease is taken within a second, for one refused message a second. */
const tryMs = 1_000;

/** What `NatsLeases` needs. */
export interface NatsLeasesOptions {
  readonly link: NatsLink;
  readonly mesh: string;
  readonly replicas: number;
  /** Used when the bucket is made; one that is there keeps its own. */
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Bucket {
  readonly kv: KV;
  readonly leaseMs: number;
}

/** Leases of one mesh, in the bucket `MESH-leases`. Only the server's clock counts. */
export class NatsLeases implements Leases {
  readonly exclusive = true;
  readonly #options: NatsLeasesOptions;
  #bucket: Promise<Bucket> | undefined;

  constructor(options: NatsLeasesOptions) {
    this.#options = options;
  }

  async acquire(name: string, { holder, signal, onStandby }: LeaseRequest): Promise<Lease> {
    const { clock, logger } = this.#options;
    const mine: Holding = { holder, term: randomUUID() };
    const waiting = new Standby({ ...this.#options, key: keyOf(name), mine });
    try {
      for (;;) {
        signal.throwIfAborted();
        try {
          const bucket = await this.#open();
          const taken = await this.#take(bucket.kv, keyOf(name), mine);
          if (typeof taken === 'number')
            return new NatsLease({ ...this.#options, bucket, key: keyOf(name), mine, revision: taken });
          onStandby?.(taken.holder);
          await waiting.show(bucket);
        } catch (error) {
          if (error instanceof MeshError && error.code !== 'unavailable') throw error;
          logger.debug({ lease: name, error: messageOf(error) }, 'the lease can not be asked for; trying again');
        }
        await clock.sleep(tryMs, signal);
      }
    } finally {
      await waiting.end();
    }
  }

  /** Implements `Leases.list`. */
  async list(prefix: string): Promise<readonly HeldLease[]> {
    await this.#open();
    return await listLeases(this.#options.link, `${this.#options.mesh}-leases`, prefix);
  }

  /** The revision when it is ours now, else who has it. */
  async #take(kv: KV, key: string, mine: Holding): Promise<number | Holding> {
    const { link } = this.#options;
    try {
      return await link.ask(() => kv.create(key, JSON.stringify(mine)));
    } catch (error) {
      if (!isOvertaken(error)) throw error;
    }
    const found = await link.ask(() => kv.get(key));
    if (found?.operation !== 'PUT') return { holder: 'nobody', term: '' };
    const other = found.json<Holding>();
    // An earlier try was stored after all.
    return other.term === mine.term ? found.revision : other;
  }

  #open(): Promise<Bucket> {
    this.#bucket ??= this.#openBucket().catch((error) => {
      this.#bucket = undefined;
      throw error;
    });
    return this.#bucket;
  }

  async #openBucket(): Promise<Bucket> {
    const { link, mesh, replicas, leaseMs } = this.#options;
    const name = `${mesh}-leases`;
    const kv = await openBucket(link, { name, replicas, ttlMs: leaseMs });
    const { ttl } = await link.ask(() => kv.status());
    if (ttl <= 0)
      throw new MeshError('invalid', `the NATS KV bucket ${name} forgets nothing: remove it, it is made with a TTL`);
    return { kv, leaseMs: ttl };
  }
}

/** Says in the bucket, for people, that a term waits for a lease, for as long as it does. */
class Standby {
  readonly #options: NatsLeasesOptions & { readonly key: string; readonly mine: Holding };
  #kv: KV | undefined;
  #shownMs = Number.NEGATIVE_INFINITY;

  constructor(options: NatsLeasesOptions & { readonly key: string; readonly mine: Holding }) {
    this.#options = options;
  }

  /** Says so again when it is time: like a lease, it is forgotten when nobody does. Rejects with MeshError `unavailable`. */
  async show({ kv, leaseMs }: Bucket): Promise<void> {
    const { clock, key, link, mine } = this.#options;
    if (clock.nowMs() - this.#shownMs < leaseMs / renewalsPerLease) return;
    this.#shownMs = clock.nowMs();
    this.#kv = kv;
    await link.ask(() => kv.put(standbyKeyOf(key, mine), JSON.stringify(mine)));
  }

  /** Never rejects. */
  async end(): Promise<void> {
    const { key, link, mine } = this.#options;
    const kv = this.#kv;
    if (kv !== undefined) await link.ask(() => kv.delete(standbyKeyOf(key, mine))).catch(() => {});
  }
}

interface NatsLeaseOptions extends NatsLeasesOptions {
  readonly bucket: Bucket;
  readonly key: string;
  readonly mine: Holding;
  readonly revision: number;
}

/** Renewed in the background until it is released or lost. */
class NatsLease implements Lease {
  readonly epoch: number;
  readonly #options: NatsLeaseOptions;
  readonly #lost = new AbortController();
  readonly #stop = new AbortController();
  readonly #renewing: Promise<void>;
  #revision: number;
  /** One after the other: each renewal expects the revision of the one before. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: NatsLeaseOptions) {
    this.#options = options;
    this.epoch = options.revision;
    this.#revision = options.revision;
    this.#renewing = this.#renewAgainAndAgain();
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  confirm(): Promise<boolean> {
    const renewed = this.#queue.then(() => this.#renew());
    this.#queue = renewed.catch(() => {});
    return renewed;
  }

  async release(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    await this.#renewing;
    await this.#queue;
    if (this.#lost.signal.aborted) return;
    const { bucket, key, link } = this.#options;
    // Its time runs out by itself where NATS is away.
    await link.ask(() => bucket.kv.delete(key, { previousSeq: this.#revision })).catch(() => {});
  }

  async #renewAgainAndAgain(): Promise<void> {
    const { bucket, clock, key, logger } = this.#options;
    const until = AbortSignal.any([this.#stop.signal, this.#lost.signal]);
    while (!until.aborted) {
      await clock.sleep(bucket.leaseMs / renewalsPerLease, until).catch(() => {});
      if (until.aborted) return;
      // While NATS is away nobody else can get it either, and nothing can be appended.
      await this.confirm().catch((error) =>
        logger.debug({ lease: key, error: messageOf(error) }, 'the lease could not be renewed'),
      );
    }
  }

  async #renew(): Promise<boolean> {
    if (this.#lost.signal.aborted) return false;
    const { bucket, key, link, mine } = this.#options;
    const { kv } = bucket;
    try {
      this.#revision = await link.ask(() => kv.update(key, JSON.stringify(mine), this.#revision));
      return true;
    } catch (error) {
      if (!isOvertaken(error)) throw error;
    }
    const found = await link.ask(() => kv.get(key));
    // A renewal whose acknowledgement was lost.
    if (found?.operation === 'PUT' && found.json<Holding>().term === mine.term) {
      this.#revision = found.revision;
      return true;
    }
    this.#lost.abort(new MeshError('conflict', `the lease ${key} has passed to somebody else or run out`));
    return false;
  }
}

/** Whether the key's last revision is not the one expected (nats-server errors 10071 and 10164). */
function isOvertaken(error: unknown): boolean {
  const cause = error instanceof MeshError ? error.cause : error;
  return cause instanceof JetStreamApiError && (cause.code === 10071 || cause.code === 10164);
}
