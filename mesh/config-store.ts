// The config store: configuration resources folded from ConfigFacts, in Istio's order.
import type { ConfigFact } from '../events/config-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import { type ConfigKey, type ConfigResource, configKey } from '../events/model.ts';
import type { Projection } from '../events/projection.ts';
import { compareStrings, compareTimes } from './compare.ts';
import { type Graves, noGraves, put, unapply, type Versioned } from './versioned.ts';

/** Mutable; what readers get is frozen by snapshot-builder.ts. */
export interface ConfigState {
  readonly resources: Map<ConfigKey, Versioned<ConfigResource>>;
  readonly graves: Graves;
  /** Keys changed since somebody last emptied it. */
  readonly touched: Set<ConfigKey>;
}

/** Folds ConfigApplied and ConfigDeleted; quarantines are mesh-state.ts's, other events pass through. */
export const configProjection: Projection<ConfigState> = {
  name: 'config-store',
  init: () => ({ resources: new Map(), graves: noGraves(), touched: new Set() }),
  evolve: evolveConfig,
};

function evolveConfig(state: ConfigState, event: RecordedEvent): ConfigState {
  const fact = event as unknown as ConfigFact;
  if (fact.type === 'io.periplus.config.applied') {
    const key = configKey(fact.data);
    const createdAt = fact.data.createdAt ?? state.resources.get(key)?.value?.createdAt ?? event.time;
    const resource = fact.data.createdAt === createdAt ? fact.data : { ...fact.data, createdAt };
    put(state.resources, key, event.position, resource, state.graves);
    state.touched.add(key);
  } else if (fact.type === 'io.periplus.config.deleted') {
    const key = configKey(fact.data);
    put(state.resources, key, event.position, undefined, state.graves);
    state.touched.add(key);
  }
  return state;
}

/** Un-applies the event at `position` if it is the config store's. */
export function unapplyFromConfig(state: ConfigState, position: number): void {
  const key = unapply(state.resources, position);
  if (key !== undefined) state.touched.add(key);
}

/** Istio's order: older first, then by namespace, then by name (istio.io/latest/docs/ops/best-practices/traffic-management). */
export function compareResources(a: ConfigResource, b: ConfigResource): number {
  return (
    compareTimes(a.createdAt, b.createdAt) || compareStrings(a.namespace, b.namespace) || compareStrings(a.name, b.name)
  );
}
