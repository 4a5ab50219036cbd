// Envoy's api_key_auth filter for a rule that lets in who has a listed key.
import { create } from '@bufbuild/protobuf';
import { ApiKeyAuthSchema } from '../../../../gen/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.js';
import type { HttpFilter } from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { apiKeySources } from '../../../../mesh/policy/lowering/api-keys.ts';
import type { Placement } from '../../../../mesh/policy/lowering/placement.ts';
import { httpFilter } from '../security/rbac-filters.ts';

/** What Envoy says in the response code's details where it refuses; one of them is misspelt there. */
export const apiKeyDetails: readonly string[] = ['missing_api_key', 'unkonwn_api_key', 'unknown_api_key'];

/** The filter, if a rule has one. */
export function apiKeyFilter(placements: readonly Placement[]): readonly HttpFilter[] {
  return placements.flatMap(({ apiKeys, rule }) => {
    if (apiKeys === undefined) return [];
    const filter = create(ApiKeyAuthSchema, {
      credentials: apiKeys.map((key) => ({ key, client: rule.id })),
      keySources: [{ header: apiKeySources.header }, ...apiKeySources.queries.map((query) => ({ query }))],
    });
    return [httpFilter('envoy.filters.http.api_key_auth', ApiKeyAuthSchema, filter)];
  });
}
