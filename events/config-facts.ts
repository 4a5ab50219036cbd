// What users (or an adapter that carries their files or Kubernetes objects) did to configuration resources.
import type { NewEvent } from './envelope.ts';
import { type ConfigResource, configKey } from './model.ts';

/** A resource has exactly this content from now on. */
export type ConfigApplied = NewEvent<'io.periplus.config.applied', ConfigResource>;
/** A resource was removed. */
export type ConfigDeleted = NewEvent<
  'io.periplus.config.deleted',
  { readonly kind: string; readonly namespace: string; readonly name: string }
>;
/** An event that made translation fail is left out by every projection from here on, so that replays agree. */
export type EventQuarantined = NewEvent<
  'io.periplus.system.event-quarantined',
  { readonly position: number; readonly id: string; readonly reason: string }
>;

/** Proxies have closed the connections that were open when hosts left HTTPS servers of a Gateway. */
export type GatewayDrained = NewEvent<
  'io.periplus.config.gateway-drained',
  {
    readonly namespace: string;
    readonly name: string;
    /** Hosts that left at this position of the log or before it. */
    readonly through: number;
  }
>;

/** Everything the config store is folded from. */
export type ConfigFact = ConfigApplied | ConfigDeleted | GatewayDrained | EventQuarantined;

/** Subject of what becomes of a Gateway's connections: `gateway-drain/NAMESPACE/NAME`. */
export function gatewayDrainSubject({ namespace, name }: { namespace: string; name: string }): string {
  return `gateway-drain/${namespace}/${name}`;
}

/** Subject of a resource's events: `config/KIND/NAMESPACE/NAME`. */
export function configSubject(resource: { kind: string; namespace: string; name: string }): string {
  return `config/${configKey(resource)}`;
}
