// What clients are told where Envoy's RBAC refuses for a policy: the rule's own status and words, as Mixer would answer.
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ExpressionFilterSchema } from '../../../../gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.js';
import {
  type ResponseMapper,
  ResponseMapperSchema,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { Placement } from '../../../../mesh/policy/lowering/placement.ts';
import { apiKeyDetails } from './api-key-filter.ts';

/** One mapper for each rule that RBAC or api_key_auth carries out. Envoy names the rule, or the filter, in the response code's details. */
export function denialReplies(placements: readonly Placement[]): readonly ResponseMapper[] {
  return placements.flatMap(({ rule, lowered, apiKeys }) => {
    if (lowered === undefined) return [];
    const details = [`rbac_access_denied_matched_policy[${rule.id}]`, ...(apiKeys ? apiKeyDetails : [])];
    const filter = create(ExpressionFilterSchema, {
      expression: details.map((one) => `response.code_details == ${JSON.stringify(one)}`).join(' || '),
    });
    const { httpStatus, message } = lowered.denial;
    return create(ResponseMapperSchema, {
      filter: {
        filterSpecifier: {
          case: 'extensionFilter',
          value: {
            name: 'envoy.access_loggers.extension_filters.cel',
            configType: { case: 'typedConfig', value: anyPack(ExpressionFilterSchema, filter) },
          },
        },
      },
      statusCode: httpStatus,
      body: { specifier: { case: 'inlineString', value: message } },
    });
  });
}
