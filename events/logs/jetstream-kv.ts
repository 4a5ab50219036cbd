// Opens a NATS KV bucket, and makes it where there is none.
import { jetstream } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { answerMs, type NatsLink } from './jetstream-link.ts';
import { streamState } from './jetstream-stream.ts';

/** How a bucket is made; one that is there keeps its own settings. */
export interface BucketOptions {
  readonly name: string;
  readonly replicas: number;
  /** How long a value lives, in ms; absent: until it is replaced. */
  readonly ttlMs?: number;
}

/** Reads go to the leader. Rejects with MeshError `unavailable`. */
export async function openBucket(link: NatsLink, { name, replicas, ttlMs }: BucketOptions): Promise<KV> {
  const there = (await streamState(link, `KV_${name}`)) !== undefined;
  return await link.ask((connection) => {
    const kvm = new Kvm(jetstream(connection, { timeout: answerMs }));
    const ttl = ttlMs === undefined ? {} : { ttl: ttlMs };
    return there ? kvm.open(name) : kvm.create(name, { history: 1, ...ttl, replicas, allow_direct: false });
  });
}
