// Where EnvoyFilters come into translation: the sets of a proxy that one selects are patched, those of all others pass untouched.
import type { Memo } from '../memo.ts';
import { inboundClusterName, inboundPassthroughCluster } from '../names.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { emptySet } from '../resource-set.ts';
import type { ResourceSet } from '../translation.ts';
import type { PatchContext } from './patch.ts';
import { extensionConfigs, type PatchJob, patchResources } from './patch-resources.ts';
import type { GatewayPorts } from './patch-routes.ts';
import type { PatchSet } from './patch-set.ts';

/** `shared`: what the proxy has in common with others; `own`: what it serves itself. */
export type Half = 'shared' | 'own';

/** Patches the sets of one proxy; one for each translation. */
export interface EnvoyFilters {
  clusters(set: ResourceSet, half: Half, origin: readonly unknown[]): ResourceSet;
  listeners(set: ResourceSet, half: Half, origin: readonly unknown[]): ResourceSet;
  routes(set: ResourceSet, origin: readonly unknown[], gatewayPorts: GatewayPorts | undefined): ResourceSet;
  extensions(): ResourceSet;
  /** What could not be applied so far, for people. */
  problems(): readonly string[];
}

/** For a proxy that no EnvoyFilter selects. */
export const noEnvoyFilters: EnvoyFilters = {
  clusters: (set) => set,
  listeners: (set) => set,
  routes: (set) => set,
  extensions: () => emptySet,
  problems: () => [],
};

/** See `EnvoyFilters`. */
export function envoyFiltersOf(patches: PatchSet | undefined, type: ProxyContext['type'], memo: Memo): EnvoyFilters {
  if (patches === undefined) return noEnvoyFilters;
  const outbound: PatchContext = type === 'router' ? 'GATEWAY' : 'SIDECAR_OUTBOUND';
  const inbound: PatchContext = type === 'router' ? 'GATEWAY' : 'SIDECAR_INBOUND';
  // Both halves of a gateway are GATEWAY: what is added is added once.
  const sideOf = (half: Half) => (half === 'shared' ? outbound : type === 'router' ? undefined : inbound);
  const problems: string[] = [...patches.problems];
  const apply = (job: Omit<PatchJob, 'patches'>) => {
    const patched = patchResources({ ...job, patches }, memo);
    problems.push(...patched.problems);
    return patched.set;
  };
  return {
    clusters: (set, half, origin) => {
      const contextOf = (name: string) => (isInboundCluster(name) ? inbound : outbound);
      return apply({ kind: 'cluster', set, contextOf, side: sideOf(half), origin });
    },
    listeners: (set, half, origin) => {
      const side = sideOf(half);
      // A gateway has no listeners of its own half.
      return side === undefined ? set : apply({ kind: 'listener', set, contextOf: () => side, side, origin });
    },
    routes: (set, origin, gatewayPorts) =>
      apply({ kind: 'route', set, contextOf: () => outbound, side: outbound, origin, gatewayPorts }),
    extensions: () => extensionConfigs(patches, memo),
    problems: () => [...new Set(problems)],
  };
}

const inboundPrefix = inboundClusterName(0).slice(0, 'inbound|'.length);

function isInboundCluster(name: string): boolean {
  return name.startsWith(inboundPrefix) || name === inboundPassthroughCluster;
}
