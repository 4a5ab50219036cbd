// EnvoyFilters: patches that nothing takes, and patches whose effect depends on other EnvoyFilters.
import type { Problem } from '../problem.ts';
import type { EnvoyFilterSpec } from '../schemas/envoy-filter.ts';
import { finding, type MeshIndex } from './mesh-index.ts';

/** Istio's analyzer takes VIRTUAL_HOST too. */
const replaceable = ['HTTP_FILTER', 'NETWORK_FILTER', 'VIRTUAL_HOST'];
const relative = ['INSERT_BEFORE', 'INSERT_AFTER', 'REMOVE', 'REPLACE'];

/** IST0152 to IST0154 (REPLACE, ADD and REMOVE that are ignored), IST0151 and IST0155 (relative to others, without a priority). */
export function analyzeEnvoyFilters(index: MeshIndex): readonly Problem[] {
  /** Filters that an earlier patch changes for proxies of some version. */
  const versioned = new Set<string>();
  return index.snapshot.config.list<EnvoyFilterSpec>('EnvoyFilter').flatMap((filter) =>
    (filter.spec.configPatches ?? []).flatMap(({ applyTo = '', match, patch }, i) => {
      const { operation = '', value } = patch ?? {};
      const name = filterName(value, match?.listener?.filterChain?.filter?.name);
      const at = ['spec', 'configPatches', i, 'patch', 'operation'];
      const isWhole = applyTo === 'ROUTE_CONFIGURATION' || applyTo === 'HTTP_ROUTE';
      const problems: Problem[] = [];
      if (isWhole && (operation === 'ADD' || operation === 'REMOVE')) {
        const code = operation === 'ADD' ? 'IST0153' : 'IST0154';
        const message = `The ${operation} operation will be ignored when applyTo is set to ROUTE_CONFIGURATION, or HTTP_ROUTE.`;
        problems.push(finding(filter, at, code, message));
      } else if (operation === 'REPLACE' && !replaceable.includes(applyTo)) {
        const message = 'The REPLACE operation is only valid for HTTP_FILTER and NETWORK_FILTER.';
        problems.push(finding(filter, at, 'IST0152', message));
      } else if (relative.includes(operation) && !filter.spec.priority) {
        const isVersioned = versioned.has(name);
        const message = isVersioned
          ? 'This EnvoyFilter does not have a priority and has a relative patch operation (NSTERT_BEFORE/AFTER, REPLACE, MERGE, DELETE) and proxyVersion set which can cause the EnvoyFilter not to be applied during an upgrade. Using the INSERT_FIRST or ADD option or setting the priority may help in ensuring the EnvoyFilter is applied correctly.'
          : 'This EnvoyFilter does not have a priority and has a relative patch operation set which can cause the EnvoyFilter not to be applied. Using the INSERT_FIRST of ADD option or setting the priority may help in ensuring the EnvoyFilter is applied correctly.';
        problems.push(finding(filter, at, isVersioned ? 'IST0155' : 'IST0151', message));
      }
      if (match?.proxy?.proxyVersion) versioned.add(name);
      return problems;
    }),
  );
}

function filterName(value: unknown, matched: string | undefined): string {
  const name: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'name') : undefined;
  return typeof name === 'string' ? name : (matched ?? '');
}
