// Which Telemetry resources hold for a proxy: the root namespace's, its own namespace's, and the one that selects it.
import type { ConfigResource } from '../../../../events/model.ts';
import type { TelemetrySpec } from '../../../../mesh/config/schemas/telemetry.ts';
import type { Lookups } from '../routes/lookups.ts';
import { policiesOf } from '../security/select-policies.ts';

/** A Telemetry. */
export type Telemetry = ConfigResource<TelemetrySpec>;

/**
 * The Telemetries of a proxy from the widest to the narrowest, as in Istio: the oldest of the root namespace and the oldest of its
 * own that are for all, then all that select it, by age. The same array for all proxies for which they are the same.
 */
export function appliedTelemetries({ scope, memo }: Lookups): readonly Telemetry[] {
  const { snapshot, context } = scope;
  const all = snapshot.config.list<TelemetrySpec>('Telemetry');
  if (all.length === 0) return none;
  const { rootNamespace } = snapshot.mesh;
  const own = memo.get('own-telemetries', [context, all, rootNamespace], () =>
    policiesOf<TelemetrySpec>(snapshot, 'Telemetry', context),
  );
  const isWide = ({ spec }: Telemetry) =>
    Object.keys(spec.selector?.matchLabels ?? {}).length === 0 && !spec.targetRef && !spec.targetRefs?.length;
  const levels = [
    own.find((one) => one.namespace === rootNamespace && isWide(one)),
    context.namespace === rootNamespace
      ? undefined
      : own.find((one) => one.namespace === context.namespace && isWide(one)),
    ...own.filter((one) => one.namespace === context.namespace && !isWide(one)),
  ];
  const applied = levels.filter((one) => one !== undefined);
  const id = applied.map(({ namespace, name }) => `${namespace}/${name}`).join();
  return memo.stable(`applied-telemetries ${id}`, memo, applied);
}

const none: readonly Telemetry[] = [];
