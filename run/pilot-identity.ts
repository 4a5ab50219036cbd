// Pilot's own certificate for xDS over mutual TLS: from the Citadel of this process, or asked of another as any workload does.
import { join } from 'node:path';
import { IdentityKeeper } from '../agent/identity/identity-keeper.ts';
import { serverIdentityOf } from '../agent/identity/workload-svid.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Service } from '../lib/service.ts';
import { controlPlaneId, formatSpiffeId } from '../mesh/spiffe-id.ts';
import type { Citadel } from '../services/citadel/citadel.ts';
import type { MutualTlsXds } from '../services/pilot/mutual-tls-port.ts';
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
  means: { readonly citadel: Citadel | undefined; readonly clock: Clock; readonly logger: Logger },
): PilotIdentity | undefined {
  const { mtls } = xds;
  if (mtls === undefined) return undefined;
  const { citadel } = means;
  if (citadel) return { mtls: { ...mtls, identities: (signal) => citadel.pilotIdentities(signal) }, services: [] };
  const keeper = keeperOf(mtls, { ...means, dataDirectory });
  if (!keeper) return undefined;
  const identities = async function* (signal: AbortSignal) {
    for await (const svid of keeper.svid.watch(signal)) yield serverIdentityOf(svid);
  };
  return { mtls: { ...mtls, identities }, services: [keeper] };
}

function keeperOf(
  { source, trustDomain }: MutualTlsConfig,
  means: { readonly dataDirectory: string; readonly clock: Clock; readonly logger: Logger },
): IdentityKeeper | undefined {
  const { clock, logger, dataDirectory } = means;
  return (
    source &&
    new IdentityKeeper({
      ...source,
      folder: join(dataDirectory, 'pilot-identity'),
      citadelId: formatSpiffeId(controlPlaneId(trustDomain, 'citadel')),
      expected: formatSpiffeId(controlPlaneId(trustDomain, 'pilot')),
      clock,
      logger: logger.child({ part: 'identity' }),
      random: Math.random,
    })
  );
}
