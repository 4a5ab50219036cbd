// What a port's protocol means for its listener, and protocols as people write them in Gateways and Sidecars.
import type { Protocol } from '../../../../events/model.ts';
import { parseProtocol } from '../../../../mesh/protocol.ts';

/** A protocol of a listener; `HTTP_PROXY` exists in Sidecar egress listeners only. */
export type ListenerPortProtocol = Protocol | 'HTTP_PROXY';

/** The protocol of a port in a Gateway or Sidecar, whatever its case; unknown ones are detected. */
export function parsePortProtocol(text: string | undefined): ListenerPortProtocol {
  return text?.toUpperCase() === 'HTTP_PROXY' ? 'HTTP_PROXY' : parseProtocol(text ?? '');
}

/** What kind of listener a protocol asks for; undefined: none (UDP). */
export function listenerKind(protocol: ListenerPortProtocol): 'http' | 'tcp' | 'auto' | undefined {
  if (isHttp(protocol)) return 'http';
  if (protocol === 'UDP') return undefined;
  return protocol === 'Unsupported' ? 'auto' : 'tcp';
}

/** HTTP in any version, gRPC included; not HTTPS. */
export function isHttp(protocol: ListenerPortProtocol): boolean {
  return isHttp2(protocol) || protocol === 'HTTP' || protocol === 'HTTP_PROXY';
}

/** Protocols that are HTTP/2 on the wire. */
export function isHttp2(protocol: ListenerPortProtocol): boolean {
  return protocol === 'HTTP2' || isGrpc(protocol);
}

/** gRPC and gRPC-Web. */
export function isGrpc(protocol: ListenerPortProtocol): boolean {
  return protocol === 'GRPC' || protocol === 'GRPC-Web';
}

/** Whether requests on such a port may be HTTP: it says so, or it is to be detected. */
export function isHttpOrSniffed(protocol: ListenerPortProtocol): boolean {
  return isHttp(protocol) || protocol === 'Unsupported';
}

/** TLS that is passed through: routed by SNI. */
export function isTls(protocol: ListenerPortProtocol): boolean {
  return protocol === 'HTTPS' || protocol === 'TLS';
}

/** What a protocol is once its TLS has ended. */
export function insideTls(protocol: ListenerPortProtocol): ListenerPortProtocol {
  if (protocol === 'HTTPS') return 'HTTP';
  return protocol === 'TLS' ? 'TCP' : protocol;
}
