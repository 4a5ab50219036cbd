// Mixer's certificate: from the Citadel of this process, Pilot's where both are one process apart from Citadel, or asked for as any workload does.
import type { EventLog } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Service } from '../lib/service.ts';
import type { Citadel } from '../services/citadel/citadel.ts';
import type { MixerIdentity } from '../services/mixer/grpc-server.ts';
import { followBundles } from './bundle-follower.ts';
import type { ProcessConfig } from './config.ts';
import { identityKeeperOf, keptIdentities, type PilotIdentity } from './pilot-identity.ts';

/** Undefined where there is no Citadel: Mixer serves in plaintext alone. */
export function mixerIdentityOf(
  { mixer, mixerIdentity, dataDirectory }: Pick<ProcessConfig, 'mixer' | 'mixerIdentity' | 'dataDirectory'>,
  means: {
    readonly citadel: Citadel | undefined;
    readonly pilot: PilotIdentity | undefined;
    readonly facts: EventLog;
    readonly clock: Clock;
    readonly logger: Logger;
  },
): { readonly identity: MixerIdentity; readonly services: readonly Service[] } | undefined {
  const { citadel, pilot } = means;
  if (mixer === undefined) return undefined;
  if (citadel) {
    const identities = (signal: AbortSignal) => citadel.identities('mixer', signal);
    return { identity: { serviceAccount: 'mixer', identities }, services: [] };
  }
  // One proof, one identity: a token vouches for one of them.
  if (pilot) {
    const identities = (signal: AbortSignal) => pilot.mtls.identities(signal);
    return { identity: { serviceAccount: 'pilot', identities }, services: [] };
  }
  const keeper = mixerIdentity && identityKeeperOf('mixer', mixerIdentity, { ...means, dataDirectory });
  if (!keeper) return undefined;
  const follower = followBundles({ ...means, keeper, trustDomain: mixerIdentity.trustDomain });
  return { identity: { serviceAccount: 'mixer', identities: keptIdentities(keeper) }, services: [keeper, follower] };
}
