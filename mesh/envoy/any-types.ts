// Every extension message that an Any in a resource may hold: what Pilot emits, and what EnvoyFilters commonly add.
import { createRegistry, type Registry } from '@bufbuild/protobuf';
import { file_envoy_extensions_access_loggers_file_v3_file } from '../../gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { file_envoy_extensions_access_loggers_filters_cel_v3_cel } from '../../gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js';
import { file_envoy_extensions_access_loggers_grpc_v3_als } from '../../gen/envoy/extensions/access_loggers/grpc/v3/als_pb.js';
import { file_envoy_extensions_access_loggers_open_telemetry_v3_logs_service } from '../../gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js';
import { file_envoy_extensions_access_loggers_stats_v3_stats } from '../../gen/envoy/extensions/access_loggers/stats/v3/stats_pb.js';
import { file_envoy_extensions_access_loggers_stream_v3_stream } from '../../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.js';
import { file_envoy_extensions_clusters_aggregate_v3_cluster } from '../../gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.js';
import { file_envoy_extensions_clusters_dynamic_forward_proxy_v3_cluster } from '../../gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js';
import { file_envoy_extensions_clusters_redis_v3_redis_cluster } from '../../gen/envoy/extensions/clusters/redis/v3/redis_cluster_pb.js';
import { file_envoy_extensions_compression_brotli_compressor_v3_brotli } from '../../gen/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.js';
import { file_envoy_extensions_compression_brotli_decompressor_v3_brotli } from '../../gen/envoy/extensions/compression/brotli/decompressor/v3/brotli_pb.js';
import { file_envoy_extensions_compression_gzip_compressor_v3_gzip } from '../../gen/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.js';
import { file_envoy_extensions_compression_gzip_decompressor_v3_gzip } from '../../gen/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.js';
import { file_envoy_extensions_compression_zstd_compressor_v3_zstd } from '../../gen/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.js';
import { file_envoy_extensions_compression_zstd_decompressor_v3_zstd } from '../../gen/envoy/extensions/compression/zstd/decompressor/v3/zstd_pb.js';
import { file_envoy_extensions_early_data_v3_default_early_data_policy } from '../../gen/envoy/extensions/early_data/v3/default_early_data_policy_pb.js';
import { file_envoy_extensions_filters_common_dependency_v3_dependency } from '../../gen/envoy/extensions/filters/common/dependency/v3/dependency_pb.js';
import { file_envoy_extensions_filters_common_fault_v3_fault } from '../../gen/envoy/extensions/filters/common/fault/v3/fault_pb.js';
import { file_envoy_extensions_filters_common_matcher_action_v3_skip_action } from '../../gen/envoy/extensions/filters/common/matcher/action/v3/skip_action_pb.js';
import { file_envoy_extensions_filters_common_set_filter_state_v3_value } from '../../gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.js';
import { file_envoy_extensions_filters_http_adaptive_concurrency_v3_adaptive_concurrency } from '../../gen/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.js';
import { file_envoy_extensions_filters_http_admission_control_v3_admission_control } from '../../gen/envoy/extensions/filters/http/admission_control/v3/admission_control_pb.js';
import { file_envoy_extensions_filters_http_api_key_auth_v3_api_key_auth } from '../../gen/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.js';
import { file_envoy_extensions_filters_http_bandwidth_limit_v3_bandwidth_limit } from '../../gen/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.js';
import { file_envoy_extensions_filters_http_basic_auth_v3_basic_auth } from '../../gen/envoy/extensions/filters/http/basic_auth/v3/basic_auth_pb.js';
import { file_envoy_extensions_filters_http_buffer_v3_buffer } from '../../gen/envoy/extensions/filters/http/buffer/v3/buffer_pb.js';
import { file_envoy_extensions_filters_http_cdn_loop_v3_cdn_loop } from '../../gen/envoy/extensions/filters/http/cdn_loop/v3/cdn_loop_pb.js';
import { file_envoy_extensions_filters_http_composite_v3_composite } from '../../gen/envoy/extensions/filters/http/composite/v3/composite_pb.js';
import { file_envoy_extensions_filters_http_compressor_v3_compressor } from '../../gen/envoy/extensions/filters/http/compressor/v3/compressor_pb.js';
import { file_envoy_extensions_filters_http_connect_grpc_bridge_v3_config } from '../../gen/envoy/extensions/filters/http/connect_grpc_bridge/v3/config_pb.js';
import { file_envoy_extensions_filters_http_cors_v3_cors } from '../../gen/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import { file_envoy_extensions_filters_http_credential_injector_v3_credential_injector } from '../../gen/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.js';
import { file_envoy_extensions_filters_http_csrf_v3_csrf } from '../../gen/envoy/extensions/filters/http/csrf/v3/csrf_pb.js';
import { file_envoy_extensions_filters_http_custom_response_v3_custom_response } from '../../gen/envoy/extensions/filters/http/custom_response/v3/custom_response_pb.js';
import { file_envoy_extensions_filters_http_decompressor_v3_decompressor } from '../../gen/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.js';
import { file_envoy_extensions_filters_http_dynamic_forward_proxy_v3_dynamic_forward_proxy } from '../../gen/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js';
import { file_envoy_extensions_filters_http_ext_authz_v3_ext_authz } from '../../gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { file_envoy_extensions_filters_http_ext_proc_v3_ext_proc } from '../../gen/envoy/extensions/filters/http/ext_proc/v3/ext_proc_pb.js';
import { file_envoy_extensions_filters_http_ext_proc_v3_processing_mode } from '../../gen/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.js';
import { file_envoy_extensions_filters_http_fault_v3_fault } from '../../gen/envoy/extensions/filters/http/fault/v3/fault_pb.js';
import { file_envoy_extensions_filters_http_grpc_http1_bridge_v3_config } from '../../gen/envoy/extensions/filters/http/grpc_http1_bridge/v3/config_pb.js';
import { file_envoy_extensions_filters_http_grpc_http1_reverse_bridge_v3_config } from '../../gen/envoy/extensions/filters/http/grpc_http1_reverse_bridge/v3/config_pb.js';
import { file_envoy_extensions_filters_http_grpc_json_transcoder_v3_transcoder } from '../../gen/envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder_pb.js';
import { file_envoy_extensions_filters_http_grpc_stats_v3_config } from '../../gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.js';
import { file_envoy_extensions_filters_http_grpc_web_v3_grpc_web } from '../../gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';
import { file_envoy_extensions_filters_http_gzip_v3_gzip } from '../../gen/envoy/extensions/filters/http/gzip/v3/gzip_pb.js';
import { file_envoy_extensions_filters_http_header_mutation_v3_header_mutation } from '../../gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { file_envoy_extensions_filters_http_header_to_metadata_v3_header_to_metadata } from '../../gen/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js';
import { file_envoy_extensions_filters_http_health_check_v3_health_check } from '../../gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.js';
import { file_envoy_extensions_filters_http_ip_tagging_v3_ip_tagging } from '../../gen/envoy/extensions/filters/http/ip_tagging/v3/ip_tagging_pb.js';
import { file_envoy_extensions_filters_http_json_to_metadata_v3_json_to_metadata } from '../../gen/envoy/extensions/filters/http/json_to_metadata/v3/json_to_metadata_pb.js';
import { file_envoy_extensions_filters_http_jwt_authn_v3_config } from '../../gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { file_envoy_extensions_filters_http_local_ratelimit_v3_local_rate_limit } from '../../gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import { file_envoy_extensions_filters_http_lua_v3_lua } from '../../gen/envoy/extensions/filters/http/lua/v3/lua_pb.js';
import { file_envoy_extensions_filters_http_oauth2_v3_oauth } from '../../gen/envoy/extensions/filters/http/oauth2/v3/oauth_pb.js';
import { file_envoy_extensions_filters_http_on_demand_v3_on_demand } from '../../gen/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.js';
import { file_envoy_extensions_filters_http_original_src_v3_original_src } from '../../gen/envoy/extensions/filters/http/original_src/v3/original_src_pb.js';
import { file_envoy_extensions_filters_http_rate_limit_quota_v3_rate_limit_quota } from '../../gen/envoy/extensions/filters/http/rate_limit_quota/v3/rate_limit_quota_pb.js';
import { file_envoy_extensions_filters_http_ratelimit_v3_rate_limit } from '../../gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js';
import { file_envoy_extensions_filters_http_rbac_v3_rbac } from '../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { file_envoy_extensions_filters_http_router_v3_router } from '../../gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { file_envoy_extensions_filters_http_set_filter_state_v3_set_filter_state } from '../../gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';
import { file_envoy_extensions_filters_http_set_metadata_v3_set_metadata } from '../../gen/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.js';
import { file_envoy_extensions_filters_http_stateful_session_v3_stateful_session } from '../../gen/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.js';
import { file_envoy_extensions_filters_http_upstream_codec_v3_upstream_codec } from '../../gen/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.js';
import { file_envoy_extensions_filters_http_wasm_v3_wasm } from '../../gen/envoy/extensions/filters/http/wasm/v3/wasm_pb.js';
import { file_envoy_extensions_filters_listener_http_inspector_v3_http_inspector } from '../../gen/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js';
import { file_envoy_extensions_filters_listener_local_ratelimit_v3_local_ratelimit } from '../../gen/envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit_pb.js';
import { file_envoy_extensions_filters_listener_original_dst_v3_original_dst } from '../../gen/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js';
import { file_envoy_extensions_filters_listener_original_src_v3_original_src } from '../../gen/envoy/extensions/filters/listener/original_src/v3/original_src_pb.js';
import { file_envoy_extensions_filters_listener_proxy_protocol_v3_proxy_protocol } from '../../gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js';
import { file_envoy_extensions_filters_listener_tls_inspector_v3_tls_inspector } from '../../gen/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js';
import { file_envoy_extensions_filters_network_connection_limit_v3_connection_limit } from '../../gen/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.js';
import { file_envoy_extensions_filters_network_direct_response_v3_config } from '../../gen/envoy/extensions/filters/network/direct_response/v3/config_pb.js';
import { file_envoy_extensions_filters_network_echo_v3_echo } from '../../gen/envoy/extensions/filters/network/echo/v3/echo_pb.js';
import { file_envoy_extensions_filters_network_ext_authz_v3_ext_authz } from '../../gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js';
import { file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager } from '../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { file_envoy_extensions_filters_network_local_ratelimit_v3_local_rate_limit } from '../../gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.js';
import { file_envoy_extensions_filters_network_mongo_proxy_v3_mongo_proxy } from '../../gen/envoy/extensions/filters/network/mongo_proxy/v3/mongo_proxy_pb.js';
import { file_envoy_extensions_filters_network_ratelimit_v3_rate_limit } from '../../gen/envoy/extensions/filters/network/ratelimit/v3/rate_limit_pb.js';
import { file_envoy_extensions_filters_network_rbac_v3_rbac } from '../../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { file_envoy_extensions_filters_network_redis_proxy_v3_redis_proxy } from '../../gen/envoy/extensions/filters/network/redis_proxy/v3/redis_proxy_pb.js';
import { file_envoy_extensions_filters_network_set_filter_state_v3_set_filter_state } from '../../gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.js';
import { file_envoy_extensions_filters_network_sni_cluster_v3_sni_cluster } from '../../gen/envoy/extensions/filters/network/sni_cluster/v3/sni_cluster_pb.js';
import { file_envoy_extensions_filters_network_sni_dynamic_forward_proxy_v3_sni_dynamic_forward_proxy } from '../../gen/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.js';
import { file_envoy_extensions_filters_network_tcp_proxy_v3_tcp_proxy } from '../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { file_envoy_extensions_filters_network_wasm_v3_wasm } from '../../gen/envoy/extensions/filters/network/wasm/v3/wasm_pb.js';
import { file_envoy_extensions_formatter_cel_v3_cel } from '../../gen/envoy/extensions/formatter/cel/v3/cel_pb.js';
import { file_envoy_extensions_formatter_metadata_v3_metadata } from '../../gen/envoy/extensions/formatter/metadata/v3/metadata_pb.js';
import { file_envoy_extensions_formatter_req_without_query_v3_req_without_query } from '../../gen/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.js';
import { file_envoy_extensions_http_custom_response_local_response_policy_v3_local_response_policy } from '../../gen/envoy/extensions/http/custom_response/local_response_policy/v3/local_response_policy_pb.js';
import { file_envoy_extensions_http_custom_response_redirect_policy_v3_redirect_policy } from '../../gen/envoy/extensions/http/custom_response/redirect_policy/v3/redirect_policy_pb.js';
import { file_envoy_extensions_http_early_header_mutation_header_mutation_v3_header_mutation } from '../../gen/envoy/extensions/http/early_header_mutation/header_mutation/v3/header_mutation_pb.js';
import { file_envoy_extensions_http_header_formatters_preserve_case_v3_preserve_case } from '../../gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.js';
import { file_envoy_extensions_http_header_validators_envoy_default_v3_header_validator } from '../../gen/envoy/extensions/http/header_validators/envoy_default/v3/header_validator_pb.js';
import { file_envoy_extensions_http_injected_credentials_generic_v3_generic } from '../../gen/envoy/extensions/http/injected_credentials/generic/v3/generic_pb.js';
import { file_envoy_extensions_http_original_ip_detection_custom_header_v3_custom_header } from '../../gen/envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header_pb.js';
import { file_envoy_extensions_http_original_ip_detection_xff_v3_xff } from '../../gen/envoy/extensions/http/original_ip_detection/xff/v3/xff_pb.js';
import { file_envoy_extensions_http_stateful_session_cookie_v3_cookie } from '../../gen/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.js';
import { file_envoy_extensions_http_stateful_session_header_v3_header } from '../../gen/envoy/extensions/http/stateful_session/header/v3/header_pb.js';
import { file_envoy_extensions_load_balancing_policies_client_side_weighted_round_robin_v3_client_side_weighted_round_robin } from '../../gen/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.js';
import { file_envoy_extensions_load_balancing_policies_cluster_provided_v3_cluster_provided } from '../../gen/envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided_pb.js';
import { file_envoy_extensions_load_balancing_policies_common_v3_common } from '../../gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.js';
import { file_envoy_extensions_load_balancing_policies_least_request_v3_least_request } from '../../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js';
import { file_envoy_extensions_load_balancing_policies_maglev_v3_maglev } from '../../gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.js';
import { file_envoy_extensions_load_balancing_policies_pick_first_v3_pick_first } from '../../gen/envoy/extensions/load_balancing_policies/pick_first/v3/pick_first_pb.js';
import { file_envoy_extensions_load_balancing_policies_random_v3_random } from '../../gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js';
import { file_envoy_extensions_load_balancing_policies_ring_hash_v3_ring_hash } from '../../gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js';
import { file_envoy_extensions_load_balancing_policies_round_robin_v3_round_robin } from '../../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js';
import { file_envoy_extensions_load_balancing_policies_subset_v3_subset } from '../../gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.js';
import { file_envoy_extensions_load_balancing_policies_wrr_locality_v3_wrr_locality } from '../../gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.js';
import { file_envoy_extensions_path_match_uri_template_v3_uri_template_match } from '../../gen/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.js';
import { file_envoy_extensions_path_rewrite_uri_template_v3_uri_template_rewrite } from '../../gen/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.js';
import { file_envoy_extensions_rate_limit_descriptors_expr_v3_expr } from '../../gen/envoy/extensions/rate_limit_descriptors/expr/v3/expr_pb.js';
import { file_envoy_extensions_rbac_audit_loggers_stream_v3_stream } from '../../gen/envoy/extensions/rbac/audit_loggers/stream/v3/stream_pb.js';
import { file_envoy_extensions_rbac_matchers_upstream_ip_port_v3_upstream_ip_port_matcher } from '../../gen/envoy/extensions/rbac/matchers/upstream_ip_port/v3/upstream_ip_port_matcher_pb.js';
import { file_envoy_extensions_request_id_uuid_v3_uuid } from '../../gen/envoy/extensions/request_id/uuid/v3/uuid_pb.js';
import { file_envoy_extensions_retry_host_omit_canary_hosts_v3_omit_canary_hosts } from '../../gen/envoy/extensions/retry/host/omit_canary_hosts/v3/omit_canary_hosts_pb.js';
import { file_envoy_extensions_retry_host_omit_host_metadata_v3_omit_host_metadata_config } from '../../gen/envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config_pb.js';
import { file_envoy_extensions_retry_host_previous_hosts_v3_previous_hosts } from '../../gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js';
import { file_envoy_extensions_retry_priority_previous_priorities_v3_previous_priorities_config } from '../../gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js';
import { file_envoy_extensions_transport_sockets_http_11_proxy_v3_upstream_http_11_connect } from '../../gen/envoy/extensions/transport_sockets/http_11_proxy/v3/upstream_http_11_connect_pb.js';
import { file_envoy_extensions_transport_sockets_internal_upstream_v3_internal_upstream } from '../../gen/envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream_pb.js';
import { file_envoy_extensions_transport_sockets_proxy_protocol_v3_upstream_proxy_protocol } from '../../gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js';
import { file_envoy_extensions_transport_sockets_raw_buffer_v3_raw_buffer } from '../../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js';
import { file_envoy_extensions_transport_sockets_tcp_stats_v3_tcp_stats } from '../../gen/envoy/extensions/transport_sockets/tcp_stats/v3/tcp_stats_pb.js';
import { file_envoy_extensions_transport_sockets_tls_v3_cert } from '../../gen/envoy/extensions/transport_sockets/tls/v3/cert_pb.js';
import { file_envoy_extensions_transport_sockets_tls_v3_common } from '../../gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import { file_envoy_extensions_transport_sockets_tls_v3_secret } from '../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { file_envoy_extensions_transport_sockets_tls_v3_tls } from '../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { file_envoy_extensions_upstreams_http_generic_v3_generic_connection_pool } from '../../gen/envoy/extensions/upstreams/http/generic/v3/generic_connection_pool_pb.js';
import { file_envoy_extensions_upstreams_http_http_v3_http_connection_pool } from '../../gen/envoy/extensions/upstreams/http/http/v3/http_connection_pool_pb.js';
import { file_envoy_extensions_upstreams_http_tcp_v3_tcp_connection_pool } from '../../gen/envoy/extensions/upstreams/http/tcp/v3/tcp_connection_pool_pb.js';
import { file_envoy_extensions_upstreams_http_udp_v3_udp_connection_pool } from '../../gen/envoy/extensions/upstreams/http/udp/v3/udp_connection_pool_pb.js';
import { file_envoy_extensions_upstreams_http_v3_http_protocol_options } from '../../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { file_envoy_extensions_upstreams_tcp_generic_v3_generic_connection_pool } from '../../gen/envoy/extensions/upstreams/tcp/generic/v3/generic_connection_pool_pb.js';
import { file_envoy_extensions_upstreams_tcp_v3_tcp_protocol_options } from '../../gen/envoy/extensions/upstreams/tcp/v3/tcp_protocol_options_pb.js';
import { file_udpa_type_v1_typed_struct } from '../../gen/udpa/type/v1/typed_struct_pb.js';
import { file_xds_type_matcher_v3_cel } from '../../gen/xds/type/matcher/v3/cel_pb.js';
import { file_xds_type_matcher_v3_http_inputs } from '../../gen/xds/type/matcher/v3/http_inputs_pb.js';
import { file_xds_type_v3_typed_struct } from '../../gen/xds/type/v3/typed_struct_pb.js';
import { rarerAnyTypes } from './rarer-any-types.ts';

/** Finds messages by type name; generated from gen/, see services/pilot/translate/json.test.ts for what must be in it. */
export const anyTypes: Registry = createRegistry(
  file_envoy_extensions_access_loggers_file_v3_file,
  file_envoy_extensions_access_loggers_filters_cel_v3_cel,
  file_envoy_extensions_access_loggers_grpc_v3_als,
  file_envoy_extensions_access_loggers_open_telemetry_v3_logs_service,
  file_envoy_extensions_access_loggers_stats_v3_stats,
  file_envoy_extensions_access_loggers_stream_v3_stream,
  file_envoy_extensions_clusters_aggregate_v3_cluster,
  file_envoy_extensions_clusters_dynamic_forward_proxy_v3_cluster,
  file_envoy_extensions_clusters_redis_v3_redis_cluster,
  file_envoy_extensions_compression_brotli_compressor_v3_brotli,
  file_envoy_extensions_compression_brotli_decompressor_v3_brotli,
  file_envoy_extensions_compression_gzip_compressor_v3_gzip,
  file_envoy_extensions_compression_gzip_decompressor_v3_gzip,
  file_envoy_extensions_compression_zstd_compressor_v3_zstd,
  file_envoy_extensions_compression_zstd_decompressor_v3_zstd,
  file_envoy_extensions_early_data_v3_default_early_data_policy,
  file_envoy_extensions_filters_common_dependency_v3_dependency,
  file_envoy_extensions_filters_common_fault_v3_fault,
  file_envoy_extensions_filters_common_matcher_action_v3_skip_action,
  file_envoy_extensions_filters_common_set_filter_state_v3_value,
  file_envoy_extensions_filters_http_adaptive_concurrency_v3_adaptive_concurrency,
  file_envoy_extensions_filters_http_admission_control_v3_admission_control,
  file_envoy_extensions_filters_http_bandwidth_limit_v3_bandwidth_limit,
  file_envoy_extensions_filters_http_api_key_auth_v3_api_key_auth,
  file_envoy_extensions_filters_http_basic_auth_v3_basic_auth,
  file_envoy_extensions_filters_http_buffer_v3_buffer,
  file_envoy_extensions_filters_http_cdn_loop_v3_cdn_loop,
  file_envoy_extensions_filters_http_composite_v3_composite,
  file_envoy_extensions_filters_http_compressor_v3_compressor,
  file_envoy_extensions_filters_http_connect_grpc_bridge_v3_config,
  file_envoy_extensions_filters_http_cors_v3_cors,
  file_envoy_extensions_filters_http_credential_injector_v3_credential_injector,
  file_envoy_extensions_filters_http_csrf_v3_csrf,
  file_envoy_extensions_filters_http_custom_response_v3_custom_response,
  file_envoy_extensions_filters_http_decompressor_v3_decompressor,
  file_envoy_extensions_filters_http_dynamic_forward_proxy_v3_dynamic_forward_proxy,
  file_envoy_extensions_filters_http_ext_authz_v3_ext_authz,
  file_envoy_extensions_filters_http_ext_proc_v3_ext_proc,
  file_envoy_extensions_filters_http_ext_proc_v3_processing_mode,
  file_envoy_extensions_filters_http_fault_v3_fault,
  file_envoy_extensions_filters_http_grpc_http1_bridge_v3_config,
  file_envoy_extensions_filters_http_grpc_http1_reverse_bridge_v3_config,
  file_envoy_extensions_filters_http_grpc_json_transcoder_v3_transcoder,
  file_envoy_extensions_filters_http_grpc_stats_v3_config,
  file_envoy_extensions_filters_http_grpc_web_v3_grpc_web,
  file_envoy_extensions_filters_http_gzip_v3_gzip,
  file_envoy_extensions_filters_http_header_mutation_v3_header_mutation,
  file_envoy_extensions_filters_http_header_to_metadata_v3_header_to_metadata,
  file_envoy_extensions_filters_http_health_check_v3_health_check,
  file_envoy_extensions_filters_http_ip_tagging_v3_ip_tagging,
  file_envoy_extensions_filters_http_json_to_metadata_v3_json_to_metadata,
  file_envoy_extensions_filters_http_jwt_authn_v3_config,
  file_envoy_extensions_filters_http_local_ratelimit_v3_local_rate_limit,
  file_envoy_extensions_filters_http_lua_v3_lua,
  file_envoy_extensions_filters_http_oauth2_v3_oauth,
  file_envoy_extensions_filters_http_on_demand_v3_on_demand,
  file_envoy_extensions_filters_http_original_src_v3_original_src,
  file_envoy_extensions_filters_http_rate_limit_quota_v3_rate_limit_quota,
  file_envoy_extensions_filters_http_ratelimit_v3_rate_limit,
  file_envoy_extensions_filters_http_rbac_v3_rbac,
  file_envoy_extensions_filters_http_router_v3_router,
  file_envoy_extensions_filters_http_set_filter_state_v3_set_filter_state,
  file_envoy_extensions_filters_http_set_metadata_v3_set_metadata,
  file_envoy_extensions_filters_http_stateful_session_v3_stateful_session,
  file_envoy_extensions_filters_http_upstream_codec_v3_upstream_codec,
  file_envoy_extensions_filters_http_wasm_v3_wasm,
  file_envoy_extensions_filters_listener_http_inspector_v3_http_inspector,
  file_envoy_extensions_filters_listener_local_ratelimit_v3_local_ratelimit,
  file_envoy_extensions_filters_listener_original_dst_v3_original_dst,
  file_envoy_extensions_filters_listener_original_src_v3_original_src,
  file_envoy_extensions_filters_listener_proxy_protocol_v3_proxy_protocol,
  file_envoy_extensions_filters_listener_tls_inspector_v3_tls_inspector,
  file_envoy_extensions_filters_network_connection_limit_v3_connection_limit,
  file_envoy_extensions_filters_network_direct_response_v3_config,
  file_envoy_extensions_filters_network_echo_v3_echo,
  file_envoy_extensions_filters_network_ext_authz_v3_ext_authz,
  file_envoy_extensions_filters_network_http_connection_manager_v3_http_connection_manager,
  file_envoy_extensions_filters_network_local_ratelimit_v3_local_rate_limit,
  file_envoy_extensions_filters_network_mongo_proxy_v3_mongo_proxy,
  file_envoy_extensions_filters_network_ratelimit_v3_rate_limit,
  file_envoy_extensions_filters_network_rbac_v3_rbac,
  file_envoy_extensions_filters_network_redis_proxy_v3_redis_proxy,
  file_envoy_extensions_filters_network_set_filter_state_v3_set_filter_state,
  file_envoy_extensions_filters_network_sni_cluster_v3_sni_cluster,
  file_envoy_extensions_filters_network_sni_dynamic_forward_proxy_v3_sni_dynamic_forward_proxy,
  file_envoy_extensions_filters_network_tcp_proxy_v3_tcp_proxy,
  file_envoy_extensions_filters_network_wasm_v3_wasm,
  file_envoy_extensions_formatter_cel_v3_cel,
  file_envoy_extensions_formatter_metadata_v3_metadata,
  file_envoy_extensions_formatter_req_without_query_v3_req_without_query,
  file_envoy_extensions_http_custom_response_local_response_policy_v3_local_response_policy,
  file_envoy_extensions_http_custom_response_redirect_policy_v3_redirect_policy,
  file_envoy_extensions_http_early_header_mutation_header_mutation_v3_header_mutation,
  file_envoy_extensions_http_header_formatters_preserve_case_v3_preserve_case,
  file_envoy_extensions_http_header_validators_envoy_default_v3_header_validator,
  file_envoy_extensions_http_injected_credentials_generic_v3_generic,
  file_envoy_extensions_http_original_ip_detection_custom_header_v3_custom_header,
  file_envoy_extensions_http_original_ip_detection_xff_v3_xff,
  file_envoy_extensions_http_stateful_session_cookie_v3_cookie,
  file_envoy_extensions_http_stateful_session_header_v3_header,
  file_envoy_extensions_load_balancing_policies_client_side_weighted_round_robin_v3_client_side_weighted_round_robin,
  file_envoy_extensions_load_balancing_policies_cluster_provided_v3_cluster_provided,
  file_envoy_extensions_load_balancing_policies_common_v3_common,
  file_envoy_extensions_load_balancing_policies_least_request_v3_least_request,
  file_envoy_extensions_load_balancing_policies_maglev_v3_maglev,
  file_envoy_extensions_load_balancing_policies_pick_first_v3_pick_first,
  file_envoy_extensions_load_balancing_policies_random_v3_random,
  file_envoy_extensions_load_balancing_policies_ring_hash_v3_ring_hash,
  file_envoy_extensions_load_balancing_policies_round_robin_v3_round_robin,
  file_envoy_extensions_load_balancing_policies_subset_v3_subset,
  file_envoy_extensions_load_balancing_policies_wrr_locality_v3_wrr_locality,
  file_envoy_extensions_path_match_uri_template_v3_uri_template_match,
  file_envoy_extensions_path_rewrite_uri_template_v3_uri_template_rewrite,
  file_envoy_extensions_rate_limit_descriptors_expr_v3_expr,
  file_envoy_extensions_rbac_audit_loggers_stream_v3_stream,
  file_envoy_extensions_rbac_matchers_upstream_ip_port_v3_upstream_ip_port_matcher,
  file_envoy_extensions_request_id_uuid_v3_uuid,
  file_envoy_extensions_retry_host_omit_canary_hosts_v3_omit_canary_hosts,
  file_envoy_extensions_retry_host_omit_host_metadata_v3_omit_host_metadata_config,
  file_envoy_extensions_retry_host_previous_hosts_v3_previous_hosts,
  file_envoy_extensions_retry_priority_previous_priorities_v3_previous_priorities_config,
  file_envoy_extensions_transport_sockets_http_11_proxy_v3_upstream_http_11_connect,
  file_envoy_extensions_transport_sockets_internal_upstream_v3_internal_upstream,
  file_envoy_extensions_transport_sockets_proxy_protocol_v3_upstream_proxy_protocol,
  file_envoy_extensions_transport_sockets_raw_buffer_v3_raw_buffer,
  file_envoy_extensions_transport_sockets_tcp_stats_v3_tcp_stats,
  file_envoy_extensions_transport_sockets_tls_v3_cert,
  file_envoy_extensions_transport_sockets_tls_v3_common,
  file_envoy_extensions_transport_sockets_tls_v3_secret,
  file_envoy_extensions_transport_sockets_tls_v3_tls,
  file_envoy_extensions_upstreams_http_generic_v3_generic_connection_pool,
  file_envoy_extensions_upstreams_http_http_v3_http_connection_pool,
  file_envoy_extensions_upstreams_http_tcp_v3_tcp_connection_pool,
  file_envoy_extensions_upstreams_http_udp_v3_udp_connection_pool,
  file_envoy_extensions_upstreams_http_v3_http_protocol_options,
  file_envoy_extensions_upstreams_tcp_generic_v3_generic_connection_pool,
  file_envoy_extensions_upstreams_tcp_v3_tcp_protocol_options,
  file_udpa_type_v1_typed_struct,
  file_xds_type_matcher_v3_cel,
  file_xds_type_matcher_v3_http_inputs,
  file_xds_type_v3_typed_struct,
  rarerAnyTypes,
);
