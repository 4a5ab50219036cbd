// Ends, in the deliveries log, the streams of Pilots that are gone for good: each Pilot keeps a lease on its name, and the others look after it.
import { randomUUID } from 'node:crypto';
import { disconnectedId, type ProxyDisconnected, pilotSubject, proxySubject } from '../../events/delivery-facts.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Lease, Leases } from '../../events/lease.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { messageOf } from '../../lib/mesh-error.ts';
import type { Service } from '../../lib/service.ts';
import type { DeliveriesState, StreamRecord } from '../../mesh/deliveries.ts';

/** What a Pilot needs to look after others. */
export interface LostPilotsOptions {
  /** This Pilot's name. */
  readonly pilot: string;
  readonly leases: Leases;
  readonly deliveries: EventLog;
  readonly state: () => DeliveriesState;
  /** Shows in the log that this Pilot lives. */
  readonly announce: () => void;
  /** Ends a stream of this Pilot that another one has taken for lost; its proxy connects anew. */
  readonly endStream: (streamId: string) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Between two looks at who has streams, in ms: a dead Pilot's lease takes longer to run out. */
const lookMs = 2_000;
/**
 * How long a Pilot whose lease could be had may show that it lives, in ms: after NATS was away for longer than a lease everybody's has run out;
 * a living Pilot asks for its own each second.
 */
const graceMs = 5_000;

/** The two services: keeping one's own name, and looking after others. Only with leases that are exclusive. */
export function lostPilots(options: LostPilotsOptions): readonly Service[] {
  return [
    { name: 'pilot-name', run: (signal) => keepName(options, signal) },
    { name: 'pilot-ended-streams', run: (signal) => endWhatWasEnded(options, signal) },
    { name: 'lost-pilots', run: (signal) => lookAfterOthers(options, signal) },
  ];
}

const leaseName = (pilot: string) => `pilots/${pilot}`;

async function keepName({ announce, leases, pilot }: LostPilotsOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // Whoever has it is a former life of this Pilot, or a Pilot that takes this one for lost.
    const lease = await leases.acquire(leaseName(pilot), {
      holder: `${pilot}/${randomUUID()}`,
      signal,
      onStandby: announce,
    });
    await aborted(AbortSignal.any([signal, lease.lost]));
    await lease.release();
  }
}

/** A Pilot that was stopped for a while and goes on finds its streams ended by others. */
async function endWhatWasEnded(options: LostPilotsOptions, signal: AbortSignal): Promise<void> {
  const { deliveries, endStream, pilot } = options;
  const type: ProxyDisconnected['type'] = 'io.periplus.delivery.proxy-disconnected';
  const after = (await deliveries.head()).position;
  for await (const { events } of deliveries.subscribe({ after, types: [type], signal }))
    for (const { data, source } of events)
      if (source !== sourceOf(pilot)) endStream((data as ProxyDisconnected['data']).streamId);
}

async function lookAfterOthers(options: LostPilotsOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, pilot } = options;
  while (!signal.aborted) {
    for (const other of pilotsWithStreams(options.state()))
      if (other !== pilot)
        await endIfLost(options, other, signal).catch((error) => {
          if (!signal.aborted) logger.warn({ pilot: other, error: messageOf(error) }, 'its streams were not ended');
        });
    await clock.sleep(lookMs, signal).catch(() => {});
  }
}

async function endIfLost(options: LostPilotsOptions, other: string, signal: AbortSignal): Promise<void> {
  const { clock, deliveries, logger } = options;
  const lease = await leaseOfLost(options, other, signal);
  if (!lease) return;
  try {
    const subject = pilotSubject(other);
    const version = await deliveries.subjectVersion(subject);
    await clock.sleep(graceMs, signal);
    // Whatever it says of itself until then fences this.
    const requires = [{ subject, version }];
    const streams = streamsOf(options.state(), other);
    const time = new Date(clock.nowMs()).toISOString();
    const batch = streams.map((stream) => ({ event: endOf(stream, options.pilot, time), requires }));
    const { ok } = await deliveries.append(batch);
    if (ok) logger.warn({ pilot: other, streams: streams.length }, 'this Pilot is gone: its streams are over');
  } finally {
    await lease.release();
  }
}

/** The other's lease, if nobody has it. */
async function leaseOfLost(options: LostPilotsOptions, other: string, signal: AbortSignal): Promise<Lease | undefined> {
  const { leases, pilot } = options;
  const taken = new AbortController();
  const request = { holder: `${pilot} for ${other}`, signal: AbortSignal.any([signal, taken.signal]) };
  try {
    return await leases.acquire(leaseName(other), { ...request, onStandby: () => taken.abort() });
  } catch (error) {
    if (taken.signal.aborted) return undefined;
    throw error;
  }
}

function endOf({ pilot, proxyId, streamId }: StreamRecord, by: string, time: string): ProxyDisconnected {
  return {
    id: disconnectedId(pilot, streamId),
    source: sourceOf(by),
    type: 'io.periplus.delivery.proxy-disconnected',
    subject: proxySubject(proxyId),
    time,
    actor: 'system:pilot',
    causes: [],
    data: { proxyId, streamId, reason: `its Pilot ${pilot} is gone` },
  };
}

function pilotsWithStreams(state: DeliveriesState): ReadonlySet<string> {
  return new Set([...state.proxies.values()].flatMap(({ streams }) => [...streams.values()].map(({ pilot }) => pilot)));
}

function streamsOf(state: DeliveriesState, pilot: string): readonly StreamRecord[] {
  return [...state.proxies.values()].flatMap(({ streams }) =>
    [...streams.values()].filter((stream) => stream.pilot === pilot),
  );
}

const sourceOf = (pilot: string) => `/pilot/${pilot}`;

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
