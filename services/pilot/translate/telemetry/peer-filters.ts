// HTTP filters by which proxies tell each other which workload calls, and that count gRPC messages: what the stats logger reads.
import { create } from '@bufbuild/protobuf';
import { HeaderValueOption_HeaderAppendAction } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import { FilterConfigSchema as GrpcStatsSchema } from '../../../../gen/envoy/extensions/filters/http/grpc_stats/v3/config_pb.js';
import { HeaderMutationSchema } from '../../../../gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { ConfigSchema as SetFilterStateSchema } from '../../../../gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js';
import type { HttpFilter } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { ownFactsVariable, peerHeader, peerState } from '../../../../mesh/telemetry/metric-tags.ts';
import { maxFactsLength } from '../../../../mesh/telemetry/workload-facts.ts';
import { httpFilter } from '../security/rbac-filters.ts';
import type { Side } from './effective-telemetry.ts';

/**
 * Filters of a side. A client's proxy says who its workload is, whatever the application wrote there. A server's remembers
 * that, before anything can refuse the request, and takes the header away: applications never see it.
 */
export function peerFilters(side: Side): readonly HttpFilter[] {
  return side === 'CLIENT' ? clientFilters : serverFilters;
}

/** Takes the header away on the way to a host outside the mesh, which names of workloads are no business of. */
export const withoutPeerHeader: HttpFilter = headerMutation({ case: 'remove', value: peerHeader });

const grpcStats = httpFilter(
  'envoy.filters.http.grpc_stats',
  GrpcStatsSchema,
  create(GrpcStatsSchema, {
    emitFilterState: true,
    perMethodStatSpecifier: { case: 'statsForAllMethods', value: { value: false } },
  }),
);

const clientFilters = [
  headerMutation({
    case: 'append',
    value: {
      header: { key: peerHeader, value: `%ENVIRONMENT(${ownFactsVariable})%` },
      appendAction: HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    },
  }),
  grpcStats,
];

const serverFilters = [
  httpFilter(
    'envoy.filters.http.set_filter_state',
    SetFilterStateSchema,
    create(SetFilterStateSchema, {
      onRequestHeaders: [
        {
          key: { case: 'objectKey', value: peerState },
          factoryKey: 'envoy.string',
          value: {
            case: 'formatString',
            value: {
              format: {
                case: 'textFormatSource',
                value: { specifier: { case: 'inlineString', value: `%REQ(${peerHeader}):${maxFactsLength}%` } },
              },
            },
          },
          skipIfEmpty: true,
        },
      ],
    }),
  ),
  withoutPeerHeader,
  grpcStats,
];

function headerMutation(
  action:
    | { readonly case: 'remove'; readonly value: string }
    | {
        readonly case: 'append';
        readonly value: {
          readonly header: { readonly key: string; readonly value: string };
          readonly appendAction: HeaderValueOption_HeaderAppendAction;
        };
      },
): HttpFilter {
  const message = create(HeaderMutationSchema, { mutations: { requestMutations: [{ action }] } });
  return httpFilter('envoy.filters.http.header_mutation', HeaderMutationSchema, message);
}
