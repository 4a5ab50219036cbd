// How an adapter is doing, as a readiness check.
import type { AdapterStatus } from '../adapters/adapter-status.ts';
import type { ReadinessCheck } from '../services/pilot/admin/context.ts';

/**
 * An adapter that lost its platform does not make the process unready: what it said before stays in force, and no longer serving it
 * would make things worse. It is only unready until it has shown everything once.
 */
export function adapterReadiness(status: AdapterStatus | undefined): ReadinessCheck {
  const name = status === undefined ? 'adapter' : `adapter ${status.platform} ${status.instance}`;
  if (status === undefined || status.state === 'starting')
    return { name, ready: false, detail: 'reading its platform' };
  const troubles = [
    ...(status.state === 'lost'
      ? [`can't be read now (${status.reason ?? 'unknown'}); what it said before stays in force`]
      : []),
    ...[...status.problems].map(([scope, problem]) => `${scope}: ${problem}`),
    ...(status.heldCount > 0
      ? [
          `${status.heldCount} things that vanished at once are kept until ${status.heldUntil ?? 'they return'}: "periplus registry release ${status.platform}/${status.instance}" if they are really gone`,
        ]
      : []),
  ];
  if (troubles.length > 0) return { name, ready: true, warning: true, detail: troubles.join('; ') };
  return {
    name,
    ready: true,
    detail: status.state === 'standby' ? `standby: ${status.writer ?? 'another replica'} writes` : 'synced',
  };
}
