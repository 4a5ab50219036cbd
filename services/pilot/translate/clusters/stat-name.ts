// Names of clusters' statistics as the mesh configuration words them (outboundClusterStatName, inboundClusterStatName).
import type { Service } from '../../../../events/model.ts';

/** What the variables of a pattern stand for. */
export interface StatNameParts {
  readonly service: Pick<Service, 'hostname' | 'name' | 'namespace' | 'platform'>;
  readonly port: { readonly name: string; readonly port: number };
  /** '' for none. */
  readonly subset: string;
  /** Port of the application; 0 on the calling side, as in Istio. */
  readonly targetPort: number;
}

/** Envoy's `alt_stat_name` for `pattern`. The semicolon is Istio's: it ends a name that may hold dots. */
export function statName(pattern: string, parts: StatNameParts): string {
  return `${statPrefix(pattern, parts)};`;
}

/**
 * `pattern` with its variables replaced, as it is the prefix of TCP proxies' statistics
 * (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig, `inboundClusterStatName`).
 */
export function statPrefix(pattern: string, { service, port, subset, targetPort }: StatNameParts): string {
  const { hostname, name, namespace, platform } = service;
  const isKubernetes = platform === 'kubernetes';
  const values: Readonly<Record<string, string>> = {
    SERVICE: isKubernetes ? `${name}.${namespace}` : hostname,
    SERVICE_NAME: isKubernetes ? name : hostname,
    SERVICE_FQDN: hostname,
    SERVICE_PORT: String(port.port),
    SERVICE_PORT_NAME: port.name,
    TARGET_PORT: String(targetPort),
    SUBSET_NAME: subset,
  };
  return pattern.replaceAll(/%([A-Z_]+)%/g, (whole, variable: string) => values[variable] ?? whole);
}
