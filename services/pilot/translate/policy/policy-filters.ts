// Policies as Envoy filters: what RBAC and header mutation carry out exactly, one call to Mixer for what is left, and a log for reports.
import { create } from '@bufbuild/protobuf';
import type { AccessLog } from '../../../../gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { HeaderValueOption_HeaderAppendAction as AppendAction } from '../../../../gen/envoy/config/core/v3/base_pb.js';
import type { Filter } from '../../../../gen/envoy/config/listener/v3/listener_components_pb.js';
import { HeaderMutationSchema } from '../../../../gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { RBACSchema as HttpRbacSchema } from '../../../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import type {
  HttpFilter,
  ResponseMapper,
} from '../../../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { compilePolicies } from '../../../../mesh/policy/compile-policies.ts';
import { placeConnectionRules } from '../../../../mesh/policy/lowering/connection-placement.ts';
import { type LoweredHeader, type Placement, placeRules } from '../../../../mesh/policy/lowering/placement.ts';
import { mixerHostname } from '../../../../mesh/policy/mixer-service.ts';
import type { Snapshot } from '../../../../mesh/snapshot.ts';
import type { Lookups } from '../routes/lookups.ts';
import { httpFilter } from '../security/rbac-filters.ts';
import { apiKeyFilter } from './api-key-filter.ts';
import { connectionFilters } from './connection-filters.ts';
import { denialReplies } from './denial-replies.ts';
import { leaseFilters } from './lease-filters.ts';
import { mixerFilter } from './mixer-filter.ts';
import { quotaFilters } from './quota-filters.ts';
import { loweredRules } from './rbac-policy.ts';
import { reportLog, tcpReportLog } from './report-log.ts';
import { workloadFacts } from './workload-facts.ts';

/** What a proxy is given for its policies. */
export interface PolicyFilters {
  /** In the order in which they decide. */
  readonly filters: readonly HttpFilter[];
  /** What clients are told where RBAC refuses. */
  readonly replies: readonly ResponseMapper[];
  /** Tell Mixer of requests that have ended. */
  readonly logs: readonly AccessLog[];
  /** Tell Mixer of connections. */
  readonly tcpLogs: readonly AccessLog[];
  /** Decide about connections, in their order. */
  readonly networkFilters: readonly Filter[];
}

const none: PolicyFilters = { filters: [], replies: [], logs: [], tcpLogs: [], networkFilters: [] };

/** Everything of a snapshot that these filters are made of, beside the proxy's scope: for memos. */
export function policyInputs({ config, registry }: Snapshot): readonly unknown[] {
  return [compilePolicies(config), registry.servicesOf(mixerHostname)[0]];
}

/** The filters of the proxy of `scope`; the same object while nothing they are made of changes. */
export function policyFilters(lookups: Lookups): PolicyFilters {
  const { scope, memo } = lookups;
  const { snapshot } = scope;
  const [, mixer] = policyInputs(snapshot);
  const placements = policyPlacements(lookups);
  if (placements.length === 0) return none;
  const connections = connectionPlacements(lookups);
  return memo.get('policy-filters', [placements, connections, mixer], () => {
    const facts = workloadFacts(lookups);
    const left = placements.filter(({ place }) => place === 'ext-authz').map(({ rule }) => rule);
    const filters = [
      ...rbacFilter(placements),
      ...apiKeyFilter(placements),
      ...headerFilter(placements),
      ...(left.length > 0 ? [mixerFilter(left, facts, { isThere: mixer !== undefined })] : []),
      // Last: what the others refuse is not charged.
      ...leaseFilters(placements, facts, { isThere: mixer !== undefined }),
      ...quotaFilters(placements, facts, { isThere: mixer !== undefined }),
    ];
    const reports = placements.filter(({ place }) => place === 'access-log').map(({ rule }) => rule);
    // Envoy refuses a log that names a cluster it does not have.
    const isReporting = reports.length > 0 && mixer !== undefined;
    const logs = isReporting ? [reportLog(reports, facts)] : [];
    const tcpLogs = isReporting ? tcpReportLog(reports, facts) : [];
    const networkFilters = connectionFilters(connections, facts, { isThere: mixer !== undefined });
    return { filters, replies: denialReplies(placements), logs, tcpLogs, networkFilters };
  });
}

/** Where each rule for the proxy's workload runs. */
export function policyPlacements(lookups: Lookups): readonly Placement[] {
  const { scope, memo } = lookups;
  const { config, mesh } = scope.snapshot;
  const set = compilePolicies(config);
  if (set.rules.length === 0) return [];
  const facts = workloadFacts(lookups);
  return memo.get('policy-placements', [set, facts, mesh], () => placeRules(set, facts, mesh.rootNamespace));
}

/** The same for its TCP connections. */
export function connectionPlacements(lookups: Lookups): readonly Placement[] {
  const { scope, memo } = lookups;
  const { config, mesh } = scope.snapshot;
  const set = compilePolicies(config);
  if (set.rules.length === 0) return [];
  const facts = workloadFacts(lookups);
  const place = () => placeConnectionRules(set, facts, mesh.rootNamespace);
  return memo.get('connection-placements', [set, facts, mesh], place);
}

/** Name of the filter in Envoy, beside Istio's `envoy.filters.http.rbac` of AuthorizationPolicies. */
export const policyRbac = 'envoy.filters.http.rbac.policy';

function rbacFilter(placements: readonly Placement[]): readonly HttpFilter[] {
  const rules = loweredRules(placements);
  if (rules === undefined) return [];
  return [httpFilter(policyRbac, HttpRbacSchema, create(HttpRbacSchema, { rules }))];
}

function headerFilter(placements: readonly Placement[]): readonly HttpFilter[] {
  const all = placements.flatMap(({ headers }) => (headers === undefined ? [] : [headers]));
  if (all.length === 0) return [];
  const mutations = create(HeaderMutationSchema, {
    mutations: {
      requestMutations: all.flatMap(({ request }) => request.map(mutation)),
      responseMutations: all.flatMap(({ response }) => response.map(mutation)),
    },
  });
  return [httpFilter('envoy.filters.http.header_mutation', HeaderMutationSchema, mutations)];
}

function mutation({ name, operation, value = '' }: LoweredHeader) {
  if (operation === 'REMOVE') return { action: { case: 'remove' as const, value: name } };
  // `%` begins a command of Envoy's access-log format there.
  const header = { key: name, value: value.replaceAll('%', '%%') };
  const appendAction =
    operation === 'SET' ? AppendAction.OVERWRITE_IF_EXISTS_OR_ADD : AppendAction.APPEND_IF_EXISTS_OR_ADD;
  return { action: { case: 'append' as const, value: { header, appendAction, keepEmptyValue: true } } };
}
