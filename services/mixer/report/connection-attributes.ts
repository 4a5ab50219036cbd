// What entries of HTTP and TCP logs have in common: the connection, who is at its ends, and when.
import type { AccessLogCommon } from '../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import type { AttributeValue } from '../../../mesh/policy/attributes.ts';
import { serviceAttribute, type WorkloadFacts } from '../../../mesh/policy/workload-facts.ts';
import type { RegistryView } from '../../../mesh/snapshot.ts';
import { given } from '../check/http-attributes.ts';
import { addressIp, addressPort, type Source } from '../check/source-workload.ts';
import { shortFlags } from './response-flags.ts';

/** What attributes are made of. */
export interface ConnectionContext {
  readonly common: AccessLogCommon | undefined;
  readonly facts: WorkloadFacts;
  readonly nowMs: number;
}

/** Value of a `destination.…`, `connection.…` or `context.…` attribute that both kinds of entries tell. */
export function connectionAttribute(
  name: string,
  { common, facts, nowMs }: ConnectionContext,
): AttributeValue | undefined {
  const tls = common?.tlsProperties;
  const peer = tls?.peerCertificateProperties;
  switch (name) {
    case 'destination.ip':
      return addressIp(common?.downstreamLocalAddress);
    case 'destination.port':
      return addressPort(common?.downstreamLocalAddress);
    case 'connection.mtls':
      return peer !== undefined && (peer.subject !== '' || peer.subjectAltName.length > 0);
    case 'connection.requested_server_name':
      return given(tls?.tlsSniHostname);
    case 'context.time':
      return nowMs;
    case 'context.proxy_error_code':
      return shortFlags(common?.responseFlags);
    default:
      return serviceAttribute(name, facts, addressPort(common?.downstreamLocalAddress));
  }
}

/** The connection's own end: a client can claim any other address in a header. */
export function sourceOf(common: AccessLogCommon | undefined, registry: RegistryView | undefined): Source {
  const sans = common?.tlsProperties?.peerCertificateProperties?.subjectAltName ?? [];
  const uri = sans.find(({ san }) => san.case === 'uri')?.san.value ?? '';
  return { address: common?.downstreamDirectRemoteAddress, principal: uri, registry };
}
