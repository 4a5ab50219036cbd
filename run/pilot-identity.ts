// Pilot's own certificate for xDS over mutual TLS: from the Citadel of this process, or asked of another as any workload does.
import { join } from 'node:path';
import { IdentityKeeper } from '../agent/identity/identity-keeper.ts';
import { serverIdentityOf } from '../agent/identity/workload-svid.ts';
import type { EventLog } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { ServerIdentity } from '../lib/renewable-credentials.ts';
import type { Service } from '../lib/service.ts';
import { type ControlPlanePart, controlPlaneId, formatSpiffeId } from '../mesh/spiffe-id.ts';
import type { Citadel } from '../services/citadel/citadel.ts';
import type { MutualTlsXds } from '../services/pilot/mutual-tls-port.ts';
import { followBundles } from './bundle-follower.ts';
import type { ProcessConfig } from './config.ts';
import type { MutualTlsConfig } from './config-xds.ts';

/** What Pilot is given, and what has to run for it. */
export interface PilotIdentity {
  readonly mtls: MutualTlsXds;
  readonly services: readonly Service[];
}

/** Undefined where xDS is in plaintext alone. */
export function pilotIdentityOf(
  { xds, dataDirectory }: Pick<ProcessConfig, 'xds' | 'dataDirectory'>,
  means: {
    readonly citadel: Citadel | undefined;
    readonly facts: EventLog;
    readonly clock: Clock;
    readonly logger: Logger;
  },
): PilotIdentity | undefined {
  const { mtls } = xds;
  if (mtls === undefined) return undefined;
  const { citadel } = means;
  if (citadel) return { mtls: { ...mtls, identities: (signal) => citadel.identities('pilot', signal) }, services: [] };
  const keeper = identityKeeperOf('pilot', mtls, { ...means, dataDirectory });
  if (!keeper) return undefined;
  return {
    mtls: { ...mtls, identities: keptIdentities(keeper) },
    services: [keeper, followBundles({ ...means, keeper, trustDomain: mtls.trustDomain })],
  };
}

/** What a keeper keeps, as a server shows it. */
export function keptIdentities({ svid }: IdentityKeeper): (signal: AbortSignal) => AsyncGenerator<ServerIdentity> {
  return async function* (signal) {
    for await (const newest of svid.watch(signal)) yield serverIdentityOf(newest);
  };
}

/** Keeps the identity of a part of the control plane that is apart from Citadel; undefined where the configuration has no source of it. */
export function identityKeeperOf(
  part: ControlPlanePart,
  { source, trustDomain }: Pick<MutualTlsConfig, 'source' | 'trustDomain'>,
  means: { readonly dataDirectory: string; readonly clock: Clock; readonly logger: Logger },
): IdentityKeeper | undefined {
  const { clock, logger, dataDirectory } = means;
  return (
    source &&
    new IdentityKeeper({
      ...source,
      folder: join(dataDirectory, `${part}-identity`),
      citadelId: formatSpiffeId(controlPlaneId(trustDomain, 'citadel')),
      expected: formatSpiffeId(controlPlaneId(trustDomain, part)),
      clock,
      logger: logger.child({ part: 'identity' }),
      random: Math.random,
    })
  );
}
