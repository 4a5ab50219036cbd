// Writes into the registry that this Mixer is there, and takes it out when it stops: proxies find Mixers as they find any service.

import type { RecordedEvent } from '../../events/envelope.ts';
import { eventId } from '../../events/event-id.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Leases } from '../../events/lease.ts';
import type { Endpoint } from '../../events/model.ts';
import { endpointSubject, type RegistryFact, serviceSubject } from '../../events/registry-facts.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Latest } from '../../lib/latest.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';
import type { Service } from '../../lib/service.ts';
import { sameContent } from '../../mesh/config/same-content.ts';
import { mixerHostname, mixerPortName, mixerService, systemNamespace } from '../../mesh/policy/mixer-service.ts';
import { holdPresence } from './presence.ts';

/** Attempts at one fact before the service fails and is started anew: each lost to another writer of the same subject. */
const maxAttempts = 5;
/** How long a Mixer that stops tries to deregister, in ms: a log that is away must not keep it from stopping. */
const deregisterMs = 2_000;

/** What registering takes. */
export interface RegistrationOptions {
  readonly facts: EventLog;
  /** The port once Mixer serves on it. */
  readonly port: Latest<number>;
  /** Where proxies reach it: an IP address. */
  readonly address: string;
  /** Of its SVID; absent: it has none, and serves in plaintext. */
  readonly serviceAccount?: string;
  /** Of this Mixer; unique in the mesh with its port: the endpoint's id, so that a Mixer that was killed takes its place again. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where leases are kept: other Mixers see by them that this one lives. */
  readonly leases?: Leases;
}

/** Registers once the port is open. On abort it deregisters, unless another life of this Mixer has registered meanwhile. */
export function mixerRegistration(options: RegistrationOptions): Service {
  return {
    name: 'mixer-registration',
    async run(signal) {
      for await (const port of options.port.watch(signal)) {
        const endpoint = endpointOf(options, port);
        await ensure({ type: 'io.periplus.registry.service-registered', data: mixerService }, options);
        const register = () => ensure({ type: 'io.periplus.registry.endpoint-registered', data: endpoint }, options);
        let version = await register();
        // Without its lease it may have been taken for dead.
        const again = async () => {
          version = await register();
        };
        const { leases, name } = options;
        const held = leases && holdPresence(endpoint.id, { leases, name, signal, again });
        await aborted(signal);
        await deregister(endpoint, version, options);
        await held;
        return;
      }
    },
  };
}

function endpointOf({ address, name, serviceAccount }: RegistrationOptions, port: number): Endpoint {
  const identity = serviceAccount === undefined ? {} : { serviceAccount };
  const tlsMode = serviceAccount === undefined ? {} : { 'security.istio.io/tlsMode': 'istio' };
  return {
    id: `${name}-${port}`,
    hostname: mixerHostname,
    namespace: systemNamespace,
    platform: mixerService.platform,
    address,
    ports: { [mixerPortName]: port },
    labels: { ...mixerService.labels, ...tlsMode },
    ...identity,
    health: 'healthy',
    workload: name,
  };
}

type Registered = Extract<
  RegistryFact,
  { type: 'io.periplus.registry.service-registered' | 'io.periplus.registry.endpoint-registered' }
>;
type Fact = Pick<Registered, 'type' | 'data'>;

function subjectOf({ type, data }: Fact): string {
  return type === 'io.periplus.registry.service-registered'
    ? serviceSubject(data as typeof mixerService)
    : endpointSubject(data as Endpoint);
}

/** Appends the fact unless it is what the log says last; resolves with the subject's version then. */
async function ensure(fact: Fact, options: RegistrationOptions): Promise<number> {
  const { facts } = options;
  const subject = subjectOf(fact);
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const last = await lastEvent(facts, subject);
    const version = last?.version ?? 0;
    // An endpoint is written anew at each start: the version is this life's fence.
    const isService = fact.type === 'io.periplus.registry.service-registered';
    if (isService && last?.type === fact.type && sameContent(last.data, fact.data)) return version;
    const result = await facts.append([{ event: eventOf(fact, subject, version, options), expectedVersion: version }]);
    if (result.ok) return version + 1;
  }
  throw new MeshError('conflict', `${subject}: others keep writing it; is there another Mixer named ${options.name}?`);
}

async function lastEvent(facts: EventLog, subject: string): Promise<RecordedEvent | undefined> {
  for await (const event of facts.read({ subject, reverse: true, limit: 1 })) return event;
  return undefined;
}

async function deregister(endpoint: Endpoint, version: number, options: RegistrationOptions): Promise<void> {
  const { id, hostname, namespace, platform } = endpoint;
  const fact = { type: 'io.periplus.registry.endpoint-deregistered', data: { namespace, hostname, platform, id } };
  const event = eventOf(fact, endpointSubject(endpoint), version, options);
  const given = new AbortController();
  const late = options.clock.sleep(deregisterMs, given.signal).then(
    () => 'late' as const,
    () => 'late' as const,
  );
  try {
    const result = await Promise.race([options.facts.append([{ event, expectedVersion: version }]), late]);
    if (result === 'late') options.logger.warn({ subject: event.subject }, 'the log did not take that Mixer stops');
    else if (!result.ok)
      options.logger.info({ subject: event.subject }, 'another life of this Mixer has registered: left in place');
  } catch (error) {
    options.logger.warn({ error: messageOf(error) }, 'Mixer could not be taken out of the registry');
  } finally {
    given.abort();
  }
}

function eventOf(
  { type, data }: { readonly type: string; readonly data: unknown },
  subject: string,
  version: number,
  { name, clock }: RegistrationOptions,
) {
  const source = `/mixer/${name}`;
  const id = eventId({ source, subject, revision: version, content: { type, data } });
  const time = new Date(clock.nowMs()).toISOString();
  return { id, source, subject, type, data, time, actor: 'system:mixer', causes: [] };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
