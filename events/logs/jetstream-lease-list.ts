// Who has which lease in a NATS KV bucket, and who waits for it: for people; nothing is decided by it.
import type { HeldLease } from '../lease.ts';
import type { NatsLink } from './jetstream-link.ts';
import { api } from './jetstream-stream.ts';

/** What lies at the key of a lease, and at that of somebody who waits for it. */
export interface Holding {
  readonly holder: string;
  /** Unique to one term. */
  readonly term: string;
}

/** Token of a key between a lease and the terms that wait for it; `keyOf` makes no such token. */
const standbyToken = '=standby';

/** Server error for a key that has no value (nats-server `server/errors.json`). */
const noMessage = 10037;

/** A KV key takes letters, digits and `-/_=.`; what else a name holds is escaped as `=XX`, an empty part is `=`. */
export function keyOf(name: string): string {
  return name
    .split('/')
    .map((part) => part.replace(/[^\w-]/gu, (char) => Buffer.from(char).toString('hex').replace(/../g, '=$&')) || '=')
    .join('.');
}

/** Where a term says that it waits for the lease at `key`. */
export function standbyKeyOf(key: string, { term }: Holding): string {
  return `${key}.${standbyToken}.${term}`;
}

/** All leases of `bucket` whose names begin with `prefix` and a slash, by name. Rejects with MeshError `unavailable`. */
export async function listLeases(link: NatsLink, bucket: string, prefix: string): Promise<readonly HeldLease[]> {
  const before = `$KV.${bucket}.`;
  const values = await valuesOf(link, `KV_${bucket}`, `${before}${keyOf(prefix)}.>`);
  const found = new Map<string, { holder?: string; standby: string[] }>();
  for (const [subject, { holder }] of values) {
    const [key = '', waits] = subject.slice(before.length).split(`.${standbyToken}.`);
    const name = nameOf(key);
    const lease = found.get(name) ?? { standby: [] };
    if (waits === undefined) lease.holder = holder;
    else lease.standby.push(holder);
    found.set(name, lease);
  }
  return [...found].map(([name, { holder, standby }]) => ({
    name,
    ...(holder !== undefined && { holder }),
    standby: standby.sort(),
  }));
}

/** What is at the subjects that `filter` matches, in their order. Reads go to the leader, one by one: there are few. */
async function valuesOf(link: NatsLink, stream: string, filter: string): Promise<ReadonlyMap<string, Holding>> {
  const info = await api<{ state: { subjects?: Readonly<Record<string, number>> } }>(link, {
    subject: `STREAM.INFO.${stream}`,
    body: { subjects_filter: filter },
  });
  const values = new Map<string, Holding>();
  for (const subject of Object.keys(info?.state.subjects ?? {}).sort()) {
    const request = { subject: `STREAM.MSG.GET.${stream}`, body: { last_by_subj: subject }, missing: noMessage };
    const found = await api<{ message: { data?: string } }>(link, request);
    // A key that was deleted holds an empty message.
    if (found?.message.data) values.set(subject, JSON.parse(Buffer.from(found.message.data, 'base64').toString()));
  }
  return values;
}

/** What `keyOf` was given. */
function nameOf(key: string): string {
  const part = (text: string) =>
    text === '=' ? '' : decodeURIComponent(text.replace(/=([0-9a-f]{2})/g, (_, hex: string) => `%${hex}`));
  return key.split('.').map(part).join('/');
}
