// Shows other Mixers that this one lives, and takes those out of the registry that do not: whoever is killed can't do that itself.
import { connect } from 'node:net';
import { eventId } from '../../events/event-id.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Lease, Leases } from '../../events/lease.ts';
import type { Endpoint } from '../../events/model.ts';
import { endpointSubject } from '../../events/registry-facts.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Latest } from '../../lib/latest.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Service } from '../../lib/service.ts';
import { mixerHostname, mixerPortName, systemNamespace } from '../../mesh/policy/mixer-service.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';

/** How often others are looked at, in ms: their leases run out after 15 s anyway. */
const lookEveryMs = 5_000;
/** How long a lease is asked for, in ms: one that somebody holds is not to be had. Longer than an answer of NATS takes. */
const askMs = 2_000;
/** How long a port may take to answer, in ms. */
const probeMs = 2_000;

/** What presence takes. */
export interface PresenceOptions {
  readonly facts: EventLog;
  readonly leases: Leases;
  readonly snapshots: Latest<Snapshot>;
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const leaseOf = (id: string) => `mixers/${id}`;

/** Holds the lease of this Mixer's endpoint until `signal` aborts; `again` is called when it was lost meanwhile. Never rejects. */
export async function holdPresence(
  id: string,
  {
    leases,
    name,
    signal,
    again,
  }: Pick<PresenceOptions, 'leases' | 'name'> & {
    readonly signal: AbortSignal;
    readonly again: () => Promise<void>;
  },
): Promise<void> {
  let lease: Lease | undefined;
  try {
    for (;;) {
      lease = await leases.acquire(leaseOf(id), { holder: name, signal });
      await ended(AbortSignal.any([lease.lost, signal]));
      if (signal.aborted) break;
      await again().catch(() => {});
    }
  } catch {
    // Only its signal ends the wait for a lease.
  }
  await lease?.release();
}

/** Looks at the others: one whose lease is free and whose port is closed is dead, and leaves the registry. */
export function watchOthers(options: PresenceOptions): Service {
  const { clock, snapshots } = options;
  return {
    name: 'mixer-others',
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(lookEveryMs, signal).catch(() => {});
        const { registry } = snapshots.value ?? {};
        for (const endpoint of registry?.endpoints(`${systemNamespace}/${mixerHostname}`) ?? [])
          if (endpoint.workload !== options.name && !signal.aborted) await lookAt(endpoint, options, signal);
      }
    },
  };
}

async function lookAt(endpoint: Endpoint, options: PresenceOptions, signal: AbortSignal): Promise<void> {
  const { facts, leases, name, logger } = options;
  const given = AbortSignal.any([signal, AbortSignal.timeout(askMs)]);
  const subject = endpointSubject(endpoint);
  try {
    const version = await facts.subjectVersion(subject);
    const lease = await leases.acquire(leaseOf(endpoint.id), { holder: name, signal: given }).catch(() => undefined);
    if (lease === undefined) return;
    if (!(await isOpen(endpoint))) await takeOut(endpoint, { version, subject }, options);
    await lease.release();
  } catch (error) {
    logger.debug({ subject, error: String(error) }, 'another Mixer could not be looked at; trying again');
  }
}

/** At the version that it had before: one that registers again meanwhile stays. */
async function takeOut(
  { namespace, hostname, platform, id }: Endpoint,
  { version, subject }: { readonly version: number; readonly subject: string },
  { facts, name, clock, logger }: PresenceOptions,
): Promise<void> {
  const type = 'io.periplus.registry.endpoint-deregistered';
  const data = { namespace, hostname, platform, id };
  const source = `/mixer/${name}`;
  const time = new Date(clock.nowMs()).toISOString();
  const event = {
    ...{ id: eventId({ source, subject, revision: version, content: { type, data } }), source, subject, type, data },
    ...{ time, actor: 'system:mixer', causes: [] },
  };
  const result = await facts.append([{ event, expectedVersion: version }]);
  if (result.ok) logger.warn({ subject }, 'a Mixer that is gone was taken out of the registry');
}

/** Whether somebody listens where proxies would call it. */
function isOpen({ address, ports }: Endpoint): Promise<boolean> {
  const port = ports[mixerPortName];
  if (port === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: probeMs });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
