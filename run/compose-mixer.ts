// The Mixer of a process that has the role.
import type { MeshLogs } from '../events/event-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Service } from '../lib/service.ts';
import { defaultMeshConfig } from '../mesh/config/mesh-config.ts';
import type { MixerIdentity } from '../services/mixer/grpc-server.ts';
import type { Mixer } from '../services/mixer/mixer.ts';
import type { ReadinessCheck } from '../services/pilot/admin/context.ts';
import type { ProcessConfig } from './config.ts';
import type { Stage } from './stages.ts';

/** Undefined without the role. Rejects where its configuration can't be used. */
export async function openMixer(
  { mixer: config, host, name }: ProcessConfig,
  {
    logs,
    ...means
  }: {
    readonly logs: MeshLogs;
    readonly identity?: MixerIdentity;
    readonly clock: Clock;
    readonly logger: Logger;
  },
): Promise<Mixer | undefined> {
  if (config === undefined) return undefined;
  const { createMixer } = await import('../services/mixer/mixer.ts');
  // `pilot-HOST` is what a process is called where nobody says otherwise.
  const own = name.replace(/^pilot-/, 'mixer-');
  const { facts, counts, leases } = logs;
  const shared = { facts, ...(counts && { counts }), ...(leases && { leases }) };
  return createMixer({ config, ...shared, host, name: own, mesh: defaultMeshConfig, ...means });
}

/** Ready when it has read the log; nothing without the role. */
export function mixerReadiness(mixer: Mixer | undefined): readonly ReadinessCheck[] {
  if (!mixer) return [];
  const port = mixer.port.value;
  return [
    { name: 'mixer', ready: mixer.ready(), detail: mixer.ready() ? `serves on port ${port}` : 'reading the log' },
  ];
}

/** Out of the registry first, while it still answers those who have not heard of that. */
export function mixerStages(mixer: Mixer | undefined, identity: readonly Service[] = []): readonly Stage[] {
  if (!mixer) return [];
  return [
    { name: 'Mixer registration', services: [mixer.registration] },
    { name: 'Mixer', services: [...mixer.services, ...identity] },
  ];
}
