// The Citadel of a process that has the role.
import { currentCredential } from '../adapters/kubernetes/access.ts';
import type { MeshLogs } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { connectedIdentities } from '../mesh/connected-identities.ts';
import type { Citadel } from '../services/citadel/citadel.ts';
import type { ReadinessCheck } from '../services/pilot/admin/context.ts';
import type { DeliveriesWatch } from '../services/pilot/admin/deliveries-watch.ts';
import type { ProcessConfig } from './config.ts';
import { kubernetesAccess } from './kubernetes-access.ts';

/** Undefined without the role. Rejects where its configuration can't be used. */
export async function openCitadel(
  { citadel: config, host, name, tokenReview }: ProcessConfig,
  means: {
    readonly logs: MeshLogs;
    readonly deliveries: DeliveriesWatch;
    readonly clock: Clock;
    readonly logger: Logger;
  },
): Promise<Citadel | undefined> {
  if (config === undefined) return undefined;
  // The X.509 library takes a while to import: only those who use it wait for it.
  const { createCitadel } = await import('../services/citadel/citadel.ts');
  const kubernetes = tokenReview && {
    kubernetes: async () => {
      const access = await kubernetesAccess(tokenReview);
      const { token: _source, program: _program, ...place } = access;
      return { ...place, ...(await currentCredential(access)) };
    },
  };
  const { logs, deliveries, clock, logger } = means;
  const connected = () => connectedIdentities(deliveries.state(), config.trustDomain);
  return createCitadel({ config, facts: logs.facts, host, name, clock, logger, connected, ...kubernetes });
}

/** Ready when it signs; nothing without the role. */
export function citadelReadiness(citadel: Citadel | undefined): readonly ReadinessCheck[] {
  if (!citadel) return [];
  const port = citadel.port.value;
  const detail = port === undefined ? 'opening its CA' : `signs on port ${port}`;
  return [{ name: 'citadel', ready: port !== undefined, detail }];
}
