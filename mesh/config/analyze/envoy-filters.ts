// EnvoyFilters: patches that nothing takes, and patches whose effect depends on other EnvoyFilters.
import type { Problem } from '../problem.ts';
import type { EnvoyFilterSpec } from '../schemas/envoy-filter.ts';
import { finding, type MeshIndex } from './mesh-index.ts';

const relative = ['INSERT_BEFORE', 'INSERT_AFTER', 'REMOVE', 'REPLACE'];

/** IST0153 and IST0154 (ADD and REMOVE that are ignored), IST0151 and IST0155 (relative to others, without a priority). */
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
        problems.push(finding(filter, at, code, `${operation} is ignored by Istio for ${applyTo}`));
      } else if (relative.includes(operation) && !filter.spec.priority) {
        const isVersioned = versioned.has(name);
        const why = isVersioned ? `, and another patch of ${name} is for proxies of some version` : '';
        const message = `${operation} depends on other EnvoyFilters: give the EnvoyFilter a priority${why}`;
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
