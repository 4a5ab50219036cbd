// Whether a workload's ports take mutual TLS, plaintext or both: PeerAuthentications, the narrowest of which decides.
import type { ConfigResource } from '../../../../events/model.ts';
import type { MutualTLS, PeerAuthenticationSpec } from '../../../../mesh/config/schemas/peer-authentication.ts';
import { matchesLabels } from '../compute-proxy-scope.ts';

/** What connections a port takes. */
export type MutualTlsMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

/** Modes of a workload. */
export interface MutualTlsModes {
  /** Of ports that are not listed. */
  readonly mode: MutualTlsMode;
  /** By workload port. */
  readonly ports: ReadonlyMap<number, MutualTlsMode>;
}

/** Istio's default where no policy says anything: a mesh takes in workloads one by one. */
const defaultMode: MutualTlsMode = 'PERMISSIVE';

/**
 * Mesh < namespace < workload < port (istio.io/latest/docs/concepts/security/#peer-authentication). Of several policies at one level
 * the oldest counts; UNSET is what the level above says. Policies of the root namespace with a selector are for its own workloads.
 * `policies` are in Istio's order, oldest first.
 */
export function mutualTlsModes(
  policies: readonly ConfigResource<PeerAuthenticationSpec>[],
  workload: {
    readonly rootNamespace: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  },
): MutualTlsModes {
  const { rootNamespace, namespace, labels } = workload;
  const find = (of: string, isOfWorkload: boolean) =>
    policies.find(({ namespace: own, spec }) => {
      const selector = spec.selector?.matchLabels ?? {};
      return own === of && Object.keys(selector).length > 0 === isOfWorkload && matchesLabels(selector, labels);
    });
  const meshMode = modeOf(find(rootNamespace, false)?.spec.mtls, defaultMode);
  const namespaceMode = modeOf(find(namespace, false)?.spec.mtls, meshMode);
  const own = find(namespace, true)?.spec;
  const mode = modeOf(own?.mtls, namespaceMode);
  const ports = Object.entries(own?.portLevelMtls ?? {}).map(
    ([port, portMode]) => [Number(port), modeOf(portMode, mode)] as const,
  );
  return { mode, ports: new Map(ports) };
}

/** The mode of a workload's port. */
export function modeOfPort({ mode, ports }: MutualTlsModes, port: number): MutualTlsMode {
  return ports.get(port) ?? mode;
}

function modeOf(mtls: MutualTLS | undefined, inherited: MutualTlsMode): MutualTlsMode {
  const mode = mtls?.mode;
  return mode === undefined || mode === 'UNSET' ? inherited : mode;
}
