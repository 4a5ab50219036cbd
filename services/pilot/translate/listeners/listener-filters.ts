// Listener filters that look at the first bytes of a connection, or at where it was going before it was intercepted.
import { create } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import {
  type ListenerFilter,
  type ListenerFilterChainMatchPredicate,
  ListenerFilterChainMatchPredicateSchema,
  ListenerFilterSchema,
} from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { HttpInspectorSchema } from '../../../../gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { OriginalDstSchema } from '../../../../gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { OriginalSrcSchema } from '../../../../gen/envoy/extensions/filters/listener/original_src/v3/original_src_pb.js';
import { ProxyProtocolSchema } from '../../../../gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js';
import { TlsInspectorSchema } from '../../../../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';

/** ALPN names that the HTTP inspector gives to plain HTTP/1.1 and HTTP/2. */
export const plaintextHttpAlpns = ['http/1.1', 'h2c'];
/** Transport protocol of connections that are not TLS. */
export const rawBuffer = 'raw_buffer';
/** Transport protocol of connections that the TLS inspector found to be TLS. */
export const tlsTransport = 'tls';

const tlsInspectorConfig = anyPack(
  TlsInspectorSchema,
  // A ClientHello seldom needs more; Envoy's default of 64 KiB a connection adds up.
  create(TlsInspectorSchema, { initialReadBufferSize: 512 }),
);
const httpInspectorConfig = anyPack(HttpInspectorSchema, create(HttpInspectorSchema));
const originalDstConfig = anyPack(OriginalDstSchema, create(OriginalDstSchema));
const proxyProtocolConfig = anyPack(ProxyProtocolSchema, create(ProxyProtocolSchema));
/** Mark that istio-iptables excludes from interception. */
const originalSrcConfig = anyPack(OriginalSrcSchema, create(OriginalSrcSchema, { mark: 1337 }));

/** Detects TLS, SNI and ALPN. `disabled` says where clients may wait for the server to speak first. */
export function tlsInspector(disabled?: ListenerFilterChainMatchPredicate): ListenerFilter {
  return listenerFilter('envoy.filters.listener.tls_inspector', tlsInspectorConfig, disabled);
}

/** Detects plain HTTP; comes after the TLS inspector. */
export function httpInspector(disabled?: ListenerFilterChainMatchPredicate): ListenerFilter {
  return listenerFilter('envoy.filters.listener.http_inspector', httpInspectorConfig, disabled);
}

/** Recovers the address that a redirected connection was meant for. */
export function originalDestination(): ListenerFilter {
  return listenerFilter('envoy.filters.listener.original_dst', originalDstConfig);
}

/** Keeps the client's address on connections to the application (TPROXY). */
export function originalSource(): ListenerFilter {
  return listenerFilter('envoy.filters.listener.original_src', originalSrcConfig);
}

/** Takes the client's address from the PROXY protocol's header, which every connection must then begin with. */
export function proxyProtocol(): ListenerFilter {
  return listenerFilter('envoy.filters.listener.proxy_protocol', proxyProtocolConfig);
}

/** A predicate that holds on these destination ports; undefined for none. */
export function onPorts(ports: readonly number[]): ListenerFilterChainMatchPredicate | undefined {
  const rules = [...ports]
    .sort((a, b) => a - b)
    .map((port) =>
      create(ListenerFilterChainMatchPredicateSchema, {
        rule: { case: 'destinationPortRange', value: { start: port, end: port + 1 } },
      }),
    );
  if (rules.length <= 1) return rules[0];
  return create(ListenerFilterChainMatchPredicateSchema, { rule: { case: 'orMatch', value: { rules } } });
}

/** A predicate that holds on all destination ports but these; undefined for none. */
export function exceptOnPorts(ports: readonly number[]): ListenerFilterChainMatchPredicate | undefined {
  const value = onPorts(ports);
  return value && create(ListenerFilterChainMatchPredicateSchema, { rule: { case: 'notMatch', value } });
}

function listenerFilter(name: string, config: Any, disabled?: ListenerFilterChainMatchPredicate): ListenerFilter {
  return create(ListenerFilterSchema, {
    name,
    configType: { case: 'typedConfig', value: config },
    ...(disabled ? { filterDisabled: disabled } : {}),
  });
}
