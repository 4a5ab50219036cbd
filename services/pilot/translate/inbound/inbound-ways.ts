// The ways in which an inbound port may be spoken to: by protocol, and by what PeerAuthentications say of mutual TLS.
import { plaintextHttpAlpns, rawBuffer, tlsTransport } from '../listeners/listener-filters.ts';
import { meshHttpAlpns, meshTcpAlpns } from '../security/mesh-tls.ts';
import type { MutualTlsMode } from '../security/mutual-tls-mode.ts';

/** One way: what its connections look like and what is inside. Each becomes a filter chain. */
export interface InboundWay {
  readonly isHttp: boolean;
  /** Whether the connection is the mesh's own mutual TLS, which ends here. */
  readonly isMeshTls: boolean;
  /** `raw_buffer`, `tls` or '' for both. */
  readonly transportProtocol: string;
  readonly applicationProtocols: readonly string[];
  /** Whether the connection is TLS by the listener's own settings (Sidecar `ingress.tls`), which ends here. */
  readonly isServerTls?: boolean;
}

/** The only way to an ingress listener with TLS settings of its own: they hold where the mesh's mutual TLS does not, as in Istio. */
export function serverTlsWay(
  kind: 'http' | 'tcp' | 'auto' | undefined,
  mode: MutualTlsMode,
  hasIdentity: boolean,
): InboundWay | undefined {
  if (mode === 'STRICT' || (mode === 'PERMISSIVE' && hasIdentity)) return undefined;
  return { ...way(kind === 'http', tlsTransport, []), isServerTls: true };
}

const plainHttp = way(true, rawBuffer, []);
const detectedPlainHttp = way(true, rawBuffer, plaintextHttpAlpns);
const plainTcp = way(false, rawBuffer, []);
/** TLS that is the application's own business. */
const foreignTls = way(false, tlsTransport, []);

/**
 * The ways for a port, as Istio's inbound listeners have them; `refused` where only mutual TLS is allowed and the workload has no
 * certificate: Istio's proxies always have one, and plaintext is what the policy rules out. `kind` undefined is a protocol to detect.
 */
export function inboundWays(
  kind: 'http' | 'tcp' | 'auto' | undefined,
  mode: MutualTlsMode,
  hasIdentity: boolean,
): readonly InboundWay[] | 'refused' {
  if (mode === 'STRICT' && !hasIdentity) return 'refused';
  const plain = plaintextWays(kind);
  if (mode === 'DISABLE' || !hasIdentity) return plain;
  return mode === 'STRICT'
    ? strictWays(kind)
    : [...permissiveWays(kind), ...plain, ...(kind === 'http' ? [] : [foreignTls])];
}

function plaintextWays(kind: 'http' | 'tcp' | 'auto' | undefined): readonly InboundWay[] {
  if (kind === 'auto') return [detectedPlainHttp, plainTcp];
  return [kind === 'http' ? plainHttp : plainTcp];
}

function strictWays(kind: 'http' | 'tcp' | 'auto' | undefined): readonly InboundWay[] {
  if (kind === 'http') return [meshTls(true, [])];
  return kind === 'auto' ? [meshTls(true, meshHttpAlpns), meshTls(false, [])] : [meshTls(false, [])];
}

function permissiveWays(kind: 'http' | 'tcp' | 'auto' | undefined): readonly InboundWay[] {
  const all = [...meshTcpAlpns, ...meshHttpAlpns];
  if (kind === 'auto') return [meshTls(true, meshHttpAlpns), meshTls(false, meshTcpAlpns)];
  return [meshTls(kind === 'http', all)];
}

function way(isHttp: boolean, transportProtocol: string, applicationProtocols: readonly string[]): InboundWay {
  return { isHttp, isMeshTls: false, transportProtocol, applicationProtocols };
}

function meshTls(isHttp: boolean, applicationProtocols: readonly string[]): InboundWay {
  return { isHttp, isMeshTls: true, transportProtocol: tlsTransport, applicationProtocols };
}
