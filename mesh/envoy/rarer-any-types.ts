// Extension messages that Pilot never emits but EnvoyFilters may bring, and protobuf's own messages: the second half of any-types.ts.
import { createRegistry, type Registry } from '@bufbuild/protobuf';
import {
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';
import { file_envoy_config_trace_v3_datadog } from '../../gen/envoy/config/trace/v3/datadog_pb.js';
import { file_envoy_config_trace_v3_opentelemetry } from '../../gen/envoy/config/trace/v3/opentelemetry_pb.js';
import { file_envoy_config_trace_v3_skywalking } from '../../gen/envoy/config/trace/v3/skywalking_pb.js';
import { file_envoy_config_trace_v3_xray } from '../../gen/envoy/config/trace/v3/xray_pb.js';
import { file_envoy_config_trace_v3_zipkin } from '../../gen/envoy/config/trace/v3/zipkin_pb.js';
import { file_envoy_extensions_access_loggers_fluentd_v3_fluentd } from '../../gen/envoy/extensions/access_loggers/fluentd/v3/fluentd_pb.js';
import { file_envoy_extensions_access_loggers_wasm_v3_wasm } from '../../gen/envoy/extensions/access_loggers/wasm/v3/wasm_pb.js';
import { file_envoy_extensions_bootstrap_internal_listener_v3_internal_listener } from '../../gen/envoy/extensions/bootstrap/internal_listener/v3/internal_listener_pb.js';
import { file_envoy_extensions_common_async_files_v3_async_file_manager } from '../../gen/envoy/extensions/common/async_files/v3/async_file_manager_pb.js';
import { file_envoy_extensions_common_dynamic_forward_proxy_v3_dns_cache } from '../../gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.js';
import { file_envoy_extensions_common_matching_v3_extension_matcher } from '../../gen/envoy/extensions/common/matching/v3/extension_matcher_pb.js';
import { file_envoy_extensions_common_ratelimit_v3_ratelimit } from '../../gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js';
import { file_envoy_extensions_common_tap_v3_common } from '../../gen/envoy/extensions/common/tap/v3/common_pb.js';
import { file_envoy_extensions_config_validators_minimum_clusters_v3_minimum_clusters } from '../../gen/envoy/extensions/config/validators/minimum_clusters/v3/minimum_clusters_pb.js';
import { file_envoy_extensions_filters_http_alternate_protocols_cache_v3_alternate_protocols_cache } from '../../gen/envoy/extensions/filters/http/alternate_protocols_cache/v3/alternate_protocols_cache_pb.js';
import { file_envoy_extensions_filters_http_aws_lambda_v3_aws_lambda } from '../../gen/envoy/extensions/filters/http/aws_lambda/v3/aws_lambda_pb.js';
import { file_envoy_extensions_filters_http_aws_request_signing_v3_aws_request_signing } from '../../gen/envoy/extensions/filters/http/aws_request_signing/v3/aws_request_signing_pb.js';
import { file_envoy_extensions_filters_http_cache_v3_cache } from '../../gen/envoy/extensions/filters/http/cache/v3/cache_pb.js';
import { file_envoy_extensions_filters_http_file_system_buffer_v3_file_system_buffer } from '../../gen/envoy/extensions/filters/http/file_system_buffer/v3/file_system_buffer_pb.js';
import { file_envoy_extensions_filters_http_gcp_authn_v3_gcp_authn } from '../../gen/envoy/extensions/filters/http/gcp_authn/v3/gcp_authn_pb.js';
import { file_envoy_extensions_filters_http_geoip_v3_geoip } from '../../gen/envoy/extensions/filters/http/geoip/v3/geoip_pb.js';
import { file_envoy_extensions_filters_http_grpc_field_extraction_v3_config } from '../../gen/envoy/extensions/filters/http/grpc_field_extraction/v3/config_pb.js';
import { file_envoy_extensions_filters_http_kill_request_v3_kill_request } from '../../gen/envoy/extensions/filters/http/kill_request/v3/kill_request_pb.js';
import { file_envoy_extensions_filters_http_proto_message_logging_v3_config } from '../../gen/envoy/extensions/filters/http/proto_message_logging/v3/config_pb.js';
import { file_envoy_extensions_filters_http_tap_v3_tap } from '../../gen/envoy/extensions/filters/http/tap/v3/tap_pb.js';
import { file_envoy_extensions_filters_http_thrift_to_metadata_v3_thrift_to_metadata } from '../../gen/envoy/extensions/filters/http/thrift_to_metadata/v3/thrift_to_metadata_pb.js';
import { file_envoy_extensions_filters_network_dubbo_proxy_router_v3_router } from '../../gen/envoy/extensions/filters/network/dubbo_proxy/router/v3/router_pb.js';
import { file_envoy_extensions_filters_network_dubbo_proxy_v3_dubbo_proxy } from '../../gen/envoy/extensions/filters/network/dubbo_proxy/v3/dubbo_proxy_pb.js';
import { file_envoy_extensions_filters_network_dubbo_proxy_v3_route } from '../../gen/envoy/extensions/filters/network/dubbo_proxy/v3/route_pb.js';
import { file_envoy_extensions_filters_network_thrift_proxy_filters_header_to_metadata_v3_header_to_metadata } from '../../gen/envoy/extensions/filters/network/thrift_proxy/filters/header_to_metadata/v3/header_to_metadata_pb.js';
import { file_envoy_extensions_filters_network_thrift_proxy_filters_payload_to_metadata_v3_payload_to_metadata } from '../../gen/envoy/extensions/filters/network/thrift_proxy/filters/payload_to_metadata/v3/payload_to_metadata_pb.js';
import { file_envoy_extensions_filters_network_thrift_proxy_filters_ratelimit_v3_rate_limit } from '../../gen/envoy/extensions/filters/network/thrift_proxy/filters/ratelimit/v3/rate_limit_pb.js';
import { file_envoy_extensions_filters_network_thrift_proxy_router_v3_router } from '../../gen/envoy/extensions/filters/network/thrift_proxy/router/v3/router_pb.js';
import { file_envoy_extensions_filters_network_thrift_proxy_v3_route } from '../../gen/envoy/extensions/filters/network/thrift_proxy/v3/route_pb.js';
import { file_envoy_extensions_filters_network_thrift_proxy_v3_thrift_proxy } from '../../gen/envoy/extensions/filters/network/thrift_proxy/v3/thrift_proxy_pb.js';
import { file_envoy_extensions_filters_network_zookeeper_proxy_v3_zookeeper_proxy } from '../../gen/envoy/extensions/filters/network/zookeeper_proxy/v3/zookeeper_proxy_pb.js';
import { file_envoy_extensions_filters_udp_dns_filter_v3_dns_filter } from '../../gen/envoy/extensions/filters/udp/dns_filter/v3/dns_filter_pb.js';
import { file_envoy_extensions_filters_udp_udp_proxy_session_dynamic_forward_proxy_v3_dynamic_forward_proxy } from '../../gen/envoy/extensions/filters/udp/udp_proxy/session/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js';
import { file_envoy_extensions_filters_udp_udp_proxy_session_http_capsule_v3_http_capsule } from '../../gen/envoy/extensions/filters/udp/udp_proxy/session/http_capsule/v3/http_capsule_pb.js';
import { file_envoy_extensions_filters_udp_udp_proxy_v3_route } from '../../gen/envoy/extensions/filters/udp/udp_proxy/v3/route_pb.js';
import { file_envoy_extensions_filters_udp_udp_proxy_v3_udp_proxy } from '../../gen/envoy/extensions/filters/udp/udp_proxy/v3/udp_proxy_pb.js';
import { file_envoy_extensions_geoip_providers_common_v3_common } from '../../gen/envoy/extensions/geoip_providers/common/v3/common_pb.js';
import { file_envoy_extensions_geoip_providers_maxmind_v3_maxmind } from '../../gen/envoy/extensions/geoip_providers/maxmind/v3/maxmind_pb.js';
import { file_envoy_extensions_health_check_event_sinks_file_v3_file } from '../../gen/envoy/extensions/health_check/event_sinks/file/v3/file_pb.js';
import { file_envoy_extensions_health_checkers_redis_v3_redis } from '../../gen/envoy/extensions/health_checkers/redis/v3/redis_pb.js';
import { file_envoy_extensions_health_checkers_thrift_v3_thrift } from '../../gen/envoy/extensions/health_checkers/thrift/v3/thrift_pb.js';
import { file_envoy_extensions_http_cache_file_system_http_cache_v3_file_system_http_cache } from '../../gen/envoy/extensions/http/cache/file_system_http_cache/v3/file_system_http_cache_pb.js';
import { file_envoy_extensions_http_cache_simple_http_cache_v3_config } from '../../gen/envoy/extensions/http/cache/simple_http_cache/v3/config_pb.js';
import { file_envoy_extensions_http_injected_credentials_oauth2_v3_oauth2 } from '../../gen/envoy/extensions/http/injected_credentials/oauth2/v3/oauth2_pb.js';
import { file_envoy_extensions_internal_redirect_allow_listed_routes_v3_allow_listed_routes_config } from '../../gen/envoy/extensions/internal_redirect/allow_listed_routes/v3/allow_listed_routes_config_pb.js';
import { file_envoy_extensions_internal_redirect_previous_routes_v3_previous_routes_config } from '../../gen/envoy/extensions/internal_redirect/previous_routes/v3/previous_routes_config_pb.js';
import { file_envoy_extensions_internal_redirect_safe_cross_scheme_v3_safe_cross_scheme_config } from '../../gen/envoy/extensions/internal_redirect/safe_cross_scheme/v3/safe_cross_scheme_config_pb.js';
import { file_envoy_extensions_key_value_file_based_v3_config } from '../../gen/envoy/extensions/key_value/file_based/v3/config_pb.js';
import { file_envoy_extensions_matching_common_inputs_environment_variable_v3_input } from '../../gen/envoy/extensions/matching/common_inputs/environment_variable/v3/input_pb.js';
import { file_envoy_extensions_matching_common_inputs_network_v3_network_inputs } from '../../gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.js';
import { file_envoy_extensions_matching_common_inputs_ssl_v3_ssl_inputs } from '../../gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.js';
import { file_envoy_extensions_matching_input_matchers_consistent_hashing_v3_consistent_hashing } from '../../gen/envoy/extensions/matching/input_matchers/consistent_hashing/v3/consistent_hashing_pb.js';
import { file_envoy_extensions_matching_input_matchers_ip_v3_ip } from '../../gen/envoy/extensions/matching/input_matchers/ip/v3/ip_pb.js';
import { file_envoy_extensions_matching_input_matchers_runtime_fraction_v3_runtime_fraction } from '../../gen/envoy/extensions/matching/input_matchers/runtime_fraction/v3/runtime_fraction_pb.js';
import { file_envoy_extensions_network_dns_resolver_apple_v3_apple_dns_resolver } from '../../gen/envoy/extensions/network/dns_resolver/apple/v3/apple_dns_resolver_pb.js';
import { file_envoy_extensions_network_dns_resolver_cares_v3_cares_dns_resolver } from '../../gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.js';
import { file_envoy_extensions_network_dns_resolver_getaddrinfo_v3_getaddrinfo_dns_resolver } from '../../gen/envoy/extensions/network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver_pb.js';
import { file_envoy_extensions_network_socket_interface_v3_default_socket_interface } from '../../gen/envoy/extensions/network/socket_interface/v3/default_socket_interface_pb.js';
import { file_envoy_extensions_outlier_detection_monitors_common_v3_error_types } from '../../gen/envoy/extensions/outlier_detection_monitors/common/v3/error_types_pb.js';
import { file_envoy_extensions_outlier_detection_monitors_consecutive_errors_v3_consecutive_errors } from '../../gen/envoy/extensions/outlier_detection_monitors/consecutive_errors/v3/consecutive_errors_pb.js';
import { file_envoy_extensions_quic_connection_debug_visitor_v3_connection_debug_visitor_basic } from '../../gen/envoy/extensions/quic/connection_debug_visitor/v3/connection_debug_visitor_basic_pb.js';
import { file_envoy_extensions_quic_connection_id_generator_v3_envoy_deterministic_connection_id_generator } from '../../gen/envoy/extensions/quic/connection_id_generator/v3/envoy_deterministic_connection_id_generator_pb.js';
import { file_envoy_extensions_quic_crypto_stream_v3_crypto_stream } from '../../gen/envoy/extensions/quic/crypto_stream/v3/crypto_stream_pb.js';
import { file_envoy_extensions_quic_proof_source_v3_proof_source } from '../../gen/envoy/extensions/quic/proof_source/v3/proof_source_pb.js';
import { file_envoy_extensions_quic_server_preferred_address_v3_datasource } from '../../gen/envoy/extensions/quic/server_preferred_address/v3/datasource_pb.js';
import { file_envoy_extensions_quic_server_preferred_address_v3_fixed_server_preferred_address_config } from '../../gen/envoy/extensions/quic/server_preferred_address/v3/fixed_server_preferred_address_config_pb.js';
import { file_envoy_extensions_regex_engines_v3_google_re2 } from '../../gen/envoy/extensions/regex_engines/v3/google_re2_pb.js';
import { file_envoy_extensions_resource_monitors_downstream_connections_v3_downstream_connections } from '../../gen/envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections_pb.js';
import { file_envoy_extensions_resource_monitors_fixed_heap_v3_fixed_heap } from '../../gen/envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap_pb.js';
import { file_envoy_extensions_resource_monitors_injected_resource_v3_injected_resource } from '../../gen/envoy/extensions/resource_monitors/injected_resource/v3/injected_resource_pb.js';
import { file_envoy_extensions_router_cluster_specifiers_lua_v3_lua } from '../../gen/envoy/extensions/router/cluster_specifiers/lua/v3/lua_pb.js';
import { file_envoy_extensions_stat_sinks_graphite_statsd_v3_graphite_statsd } from '../../gen/envoy/extensions/stat_sinks/graphite_statsd/v3/graphite_statsd_pb.js';
import { file_envoy_extensions_stat_sinks_open_telemetry_v3_open_telemetry } from '../../gen/envoy/extensions/stat_sinks/open_telemetry/v3/open_telemetry_pb.js';
import { file_envoy_extensions_stat_sinks_wasm_v3_wasm } from '../../gen/envoy/extensions/stat_sinks/wasm/v3/wasm_pb.js';
import { file_envoy_extensions_string_matcher_lua_v3_lua } from '../../gen/envoy/extensions/string_matcher/lua/v3/lua_pb.js';
import { file_envoy_extensions_tracers_opentelemetry_resource_detectors_v3_dynatrace_resource_detector } from '../../gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/dynatrace_resource_detector_pb.js';
import { file_envoy_extensions_tracers_opentelemetry_resource_detectors_v3_environment_resource_detector } from '../../gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector_pb.js';
import { file_envoy_extensions_tracers_opentelemetry_resource_detectors_v3_static_config_resource_detector } from '../../gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector_pb.js';
import { file_envoy_extensions_tracers_opentelemetry_samplers_v3_always_on_sampler } from '../../gen/envoy/extensions/tracers/opentelemetry/samplers/v3/always_on_sampler_pb.js';
import { file_envoy_extensions_tracers_opentelemetry_samplers_v3_dynatrace_sampler } from '../../gen/envoy/extensions/tracers/opentelemetry/samplers/v3/dynatrace_sampler_pb.js';
import { file_envoy_extensions_transport_sockets_alts_v3_alts } from '../../gen/envoy/extensions/transport_sockets/alts/v3/alts_pb.js';
import { file_envoy_extensions_transport_sockets_quic_v3_quic_transport } from '../../gen/envoy/extensions/transport_sockets/quic/v3/quic_transport_pb.js';
import { file_envoy_extensions_transport_sockets_s2a_v3_s2a } from '../../gen/envoy/extensions/transport_sockets/s2a/v3/s2a_pb.js';
import { file_envoy_extensions_transport_sockets_starttls_v3_starttls } from '../../gen/envoy/extensions/transport_sockets/starttls/v3/starttls_pb.js';
import { file_envoy_extensions_transport_sockets_tap_v3_tap } from '../../gen/envoy/extensions/transport_sockets/tap/v3/tap_pb.js';
import { file_envoy_extensions_transport_sockets_tls_v3_tls_spiffe_validator_config } from '../../gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import { file_envoy_extensions_udp_packet_writer_v3_udp_default_writer_factory } from '../../gen/envoy/extensions/udp_packet_writer/v3/udp_default_writer_factory_pb.js';
import { file_envoy_extensions_udp_packet_writer_v3_udp_gso_batch_writer_factory } from '../../gen/envoy/extensions/udp_packet_writer/v3/udp_gso_batch_writer_factory_pb.js';
import { file_envoy_extensions_wasm_v3_wasm } from '../../gen/envoy/extensions/wasm/v3/wasm_pb.js';
import { file_envoy_extensions_watchdog_profile_action_v3_profile_action } from '../../gen/envoy/extensions/watchdog/profile_action/v3/profile_action_pb.js';

/** Finds messages by type name; part of `anyTypes`. */
export const rarerAnyTypes: Registry = createRegistry(
  file_envoy_extensions_bootstrap_internal_listener_v3_internal_listener,
  file_envoy_extensions_common_async_files_v3_async_file_manager,
  file_envoy_extensions_config_validators_minimum_clusters_v3_minimum_clusters,
  file_envoy_extensions_filters_network_dubbo_proxy_v3_route,
  file_envoy_extensions_filters_network_thrift_proxy_v3_route,
  file_envoy_extensions_filters_udp_dns_filter_v3_dns_filter,
  file_envoy_extensions_filters_udp_udp_proxy_session_dynamic_forward_proxy_v3_dynamic_forward_proxy,
  file_envoy_extensions_filters_udp_udp_proxy_session_http_capsule_v3_http_capsule,
  file_envoy_extensions_filters_udp_udp_proxy_v3_route,
  file_envoy_extensions_filters_udp_udp_proxy_v3_udp_proxy,
  file_envoy_extensions_network_dns_resolver_apple_v3_apple_dns_resolver,
  file_envoy_extensions_network_socket_interface_v3_default_socket_interface,
  file_envoy_extensions_outlier_detection_monitors_common_v3_error_types,
  file_envoy_extensions_outlier_detection_monitors_consecutive_errors_v3_consecutive_errors,
  file_envoy_extensions_quic_connection_debug_visitor_v3_connection_debug_visitor_basic,
  file_envoy_extensions_quic_connection_id_generator_v3_envoy_deterministic_connection_id_generator,
  file_envoy_extensions_quic_crypto_stream_v3_crypto_stream,
  file_envoy_extensions_quic_proof_source_v3_proof_source,
  file_envoy_extensions_quic_server_preferred_address_v3_datasource,
  file_envoy_extensions_quic_server_preferred_address_v3_fixed_server_preferred_address_config,
  file_envoy_extensions_regex_engines_v3_google_re2,
  file_envoy_extensions_resource_monitors_downstream_connections_v3_downstream_connections,
  file_envoy_extensions_resource_monitors_fixed_heap_v3_fixed_heap,
  file_envoy_extensions_resource_monitors_injected_resource_v3_injected_resource,
  file_envoy_extensions_stat_sinks_graphite_statsd_v3_graphite_statsd,
  file_envoy_extensions_stat_sinks_open_telemetry_v3_open_telemetry,
  file_envoy_extensions_stat_sinks_wasm_v3_wasm,
  file_envoy_extensions_transport_sockets_quic_v3_quic_transport,
  file_envoy_extensions_udp_packet_writer_v3_udp_default_writer_factory,
  file_envoy_extensions_udp_packet_writer_v3_udp_gso_batch_writer_factory,
  file_envoy_extensions_watchdog_profile_action_v3_profile_action,
  file_envoy_config_trace_v3_datadog,
  file_envoy_config_trace_v3_opentelemetry,
  file_envoy_config_trace_v3_skywalking,
  file_envoy_config_trace_v3_xray,
  file_envoy_config_trace_v3_zipkin,
  file_envoy_extensions_access_loggers_fluentd_v3_fluentd,
  file_envoy_extensions_access_loggers_wasm_v3_wasm,
  file_envoy_extensions_common_dynamic_forward_proxy_v3_dns_cache,
  file_envoy_extensions_common_matching_v3_extension_matcher,
  file_envoy_extensions_common_ratelimit_v3_ratelimit,
  file_envoy_extensions_common_tap_v3_common,
  file_envoy_extensions_filters_http_alternate_protocols_cache_v3_alternate_protocols_cache,
  file_envoy_extensions_filters_http_aws_lambda_v3_aws_lambda,
  file_envoy_extensions_filters_http_aws_request_signing_v3_aws_request_signing,
  file_envoy_extensions_filters_http_cache_v3_cache,
  file_envoy_extensions_filters_http_file_system_buffer_v3_file_system_buffer,
  file_envoy_extensions_filters_http_gcp_authn_v3_gcp_authn,
  file_envoy_extensions_filters_http_geoip_v3_geoip,
  file_envoy_extensions_filters_http_grpc_field_extraction_v3_config,
  file_envoy_extensions_filters_http_kill_request_v3_kill_request,
  file_envoy_extensions_filters_http_proto_message_logging_v3_config,
  file_envoy_extensions_filters_http_tap_v3_tap,
  file_envoy_extensions_filters_http_thrift_to_metadata_v3_thrift_to_metadata,
  file_envoy_extensions_filters_network_dubbo_proxy_router_v3_router,
  file_envoy_extensions_filters_network_dubbo_proxy_v3_dubbo_proxy,
  file_envoy_extensions_filters_network_thrift_proxy_filters_header_to_metadata_v3_header_to_metadata,
  file_envoy_extensions_filters_network_thrift_proxy_filters_payload_to_metadata_v3_payload_to_metadata,
  file_envoy_extensions_filters_network_thrift_proxy_filters_ratelimit_v3_rate_limit,
  file_envoy_extensions_filters_network_thrift_proxy_router_v3_router,
  file_envoy_extensions_filters_network_thrift_proxy_v3_thrift_proxy,
  file_envoy_extensions_filters_network_zookeeper_proxy_v3_zookeeper_proxy,
  file_envoy_extensions_geoip_providers_common_v3_common,
  file_envoy_extensions_geoip_providers_maxmind_v3_maxmind,
  file_envoy_extensions_health_check_event_sinks_file_v3_file,
  file_envoy_extensions_health_checkers_redis_v3_redis,
  file_envoy_extensions_health_checkers_thrift_v3_thrift,
  file_envoy_extensions_http_cache_file_system_http_cache_v3_file_system_http_cache,
  file_envoy_extensions_http_cache_simple_http_cache_v3_config,
  file_envoy_extensions_http_injected_credentials_oauth2_v3_oauth2,
  file_envoy_extensions_internal_redirect_allow_listed_routes_v3_allow_listed_routes_config,
  file_envoy_extensions_internal_redirect_previous_routes_v3_previous_routes_config,
  file_envoy_extensions_internal_redirect_safe_cross_scheme_v3_safe_cross_scheme_config,
  file_envoy_extensions_key_value_file_based_v3_config,
  file_envoy_extensions_matching_common_inputs_environment_variable_v3_input,
  file_envoy_extensions_matching_common_inputs_network_v3_network_inputs,
  file_envoy_extensions_matching_common_inputs_ssl_v3_ssl_inputs,
  file_envoy_extensions_matching_input_matchers_consistent_hashing_v3_consistent_hashing,
  file_envoy_extensions_matching_input_matchers_ip_v3_ip,
  file_envoy_extensions_matching_input_matchers_runtime_fraction_v3_runtime_fraction,
  file_envoy_extensions_network_dns_resolver_cares_v3_cares_dns_resolver,
  file_envoy_extensions_network_dns_resolver_getaddrinfo_v3_getaddrinfo_dns_resolver,
  file_envoy_extensions_router_cluster_specifiers_lua_v3_lua,
  file_envoy_extensions_string_matcher_lua_v3_lua,
  file_envoy_extensions_tracers_opentelemetry_resource_detectors_v3_dynatrace_resource_detector,
  file_envoy_extensions_tracers_opentelemetry_resource_detectors_v3_environment_resource_detector,
  file_envoy_extensions_tracers_opentelemetry_resource_detectors_v3_static_config_resource_detector,
  file_envoy_extensions_tracers_opentelemetry_samplers_v3_always_on_sampler,
  file_envoy_extensions_tracers_opentelemetry_samplers_v3_dynatrace_sampler,
  file_envoy_extensions_transport_sockets_alts_v3_alts,
  file_envoy_extensions_transport_sockets_s2a_v3_s2a,
  file_envoy_extensions_transport_sockets_starttls_v3_starttls,
  file_envoy_extensions_transport_sockets_tap_v3_tap,
  file_envoy_extensions_transport_sockets_tls_v3_tls_spiffe_validator_config,
  file_envoy_extensions_wasm_v3_wasm,
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
);
