// The whole mesh as one projection of the facts log: registry and configuration, with quarantined events left out.
//
// State at position X is a function of events 1..X alone. An event P therefore counts until its quarantine Q, and from Q on the state
// is as if P had never been. Production folds forward through P and then Q; a replay to X does exactly the same, so both agree with
// what was served: while P counted, its translation failed and nothing was pushed from it for the proxies it failed for, and proxies
// that it did not fail for were pushed content that a replay to their position gives again. Skipping P already before Q would not.
import type { ConfigApplied, ConfigDeleted, EventQuarantined } from '../events/config-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import { type ConfigResource, configKey } from '../events/model.ts';
import type { Projection } from '../events/projection.ts';
import { type BanState, banProjection } from './bans.ts';
import type { GatewaySpec } from './config/schemas/gateway.ts';
import type { WorkloadEntrySpec } from './config/schemas/workload-entry.ts';
import { type ConfigState, configProjection, unapplyFromConfig } from './config-store.ts';
import { type CredentialState, credentialProjection } from './credentials.ts';
import { evolveDrained, type GatewayDrainState, noGatewayDrains, releaseHosts } from './gateway-drains.ts';
import { type KeySetState, keySetProjection } from './key-sets.ts';
import { forgetReport, type RegistryState, registryProjection, unapplyFromRegistry } from './registry.ts';
import { type TrustState, trustProjection, unapplyFromTrust } from './trust-bundles.ts';
import { unapplyFromView } from './versioned.ts';

/** Everything translation is made from. Mutable; readers get snapshots of it. */
export interface MeshState {
  /** Position of the last event folded, of whatever type. */
  position: number;
  /** Its time; '' before the first. */
  time: string;
  readonly registry: RegistryState;
  readonly config: ConfigState;
  readonly gatewayDrains: GatewayDrainState;
  readonly keySets: KeySetState;
  readonly bans: BanState;
  readonly trust: TrustState;
  readonly credentials: CredentialState;
  /** Positions of quarantined events. */
  readonly quarantined: Set<number>;
}

/** See the file's first line. */
export const meshProjection: Projection<MeshState> = { name: 'mesh', init: initMesh, evolve: evolveMesh };

function initMesh(): MeshState {
  return {
    position: 0,
    time: '',
    registry: registryProjection.init(),
    config: configProjection.init(),
    gatewayDrains: noGatewayDrains(),
    keySets: keySetProjection.init(),
    bans: banProjection.init(),
    trust: trustProjection.init(),
    credentials: credentialProjection.init(),
    quarantined: new Set(),
  };
}

function evolveMesh(state: MeshState, event: RecordedEvent): MeshState {
  state.position = event.position;
  state.time = event.time;
  if (event.type === 'io.periplus.system.event-quarantined') quarantine(state, event as unknown as EventQuarantined);
  else if (state.quarantined.size === 0 || !state.quarantined.has(event.position)) {
    if (event.type.startsWith('io.periplus.config.')) evolveConfig(state, event);
    else if (event.type.startsWith('io.periplus.policy.')) {
      keySetProjection.evolve(state.keySets, event);
      credentialProjection.evolve(state.credentials, event);
    } else if (event.type.startsWith('io.periplus.identity.')) {
      banProjection.evolve(state.bans, event);
      trustProjection.evolve(state.trust, event);
    } else registryProjection.evolve(state.registry, event);
  }
  return state;
}

function evolveConfig(state: MeshState, event: RecordedEvent): void {
  if (event.type === 'io.periplus.config.gateway-drained') {
    evolveDrained(state.gatewayDrains, event);
    return;
  }
  const { kind, namespace, name } = (event as unknown as ConfigApplied | ConfigDeleted).data;
  const current = () => state.config.resources.get(configKey({ kind, namespace, name }))?.value;
  const gateway = () => current() as ConfigResource<GatewaySpec> | undefined;
  const before = kind === 'Gateway' ? gateway() : undefined;
  const entry = kind === 'WorkloadEntry' ? (current() as ConfigResource<WorkloadEntrySpec> | undefined) : undefined;
  configProjection.evolve(state.config, event);
  const address = entry?.spec.address;
  if (address && current() === undefined) forgetReport(state.registry, event.position, `${namespace}/${address}`);
  if (before) releaseHosts(state.gatewayDrains, before, gateway(), event.position);
}

function quarantine(state: MeshState, fact: EventQuarantined): void {
  const { position } = fact.data;
  if (state.quarantined.has(position)) return;
  state.quarantined.add(position);
  unapplyFromConfig(state.config, position);
  unapplyFromView(state.gatewayDrains, position);
  unapplyFromRegistry(state.registry, position);
  unapplyFromView(state.keySets, position);
  unapplyFromView(state.bans, position);
  unapplyFromTrust(state.trust, position);
  unapplyFromView(state.credentials, position);
}
