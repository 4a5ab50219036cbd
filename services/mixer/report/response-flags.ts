// Envoy's response flags in the short form of %RESPONSE_FLAGS% (envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage).
import type { ResponseFlags } from '../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';

type FlagName = Exclude<keyof ResponseFlags, '$typeName' | '$unknown'>;

const shortNames: readonly (readonly [FlagName, string])[] = [
  ['failedLocalHealthcheck', 'LH'],
  ['noHealthyUpstream', 'UH'],
  ['upstreamRequestTimeout', 'UT'],
  ['localReset', 'LR'],
  ['upstreamRemoteReset', 'UR'],
  ['upstreamConnectionFailure', 'UF'],
  ['upstreamConnectionTermination', 'UC'],
  ['upstreamOverflow', 'UO'],
  ['noRouteFound', 'NR'],
  ['delayInjected', 'DI'],
  ['faultInjected', 'FI'],
  ['rateLimited', 'RL'],
  ['unauthorizedDetails', 'UAEX'],
  ['rateLimitServiceError', 'RLSE'],
  ['downstreamConnectionTermination', 'DC'],
  ['upstreamRetryLimitExceeded', 'URX'],
  ['streamIdleTimeout', 'SI'],
  ['invalidEnvoyRequestHeaders', 'IH'],
  ['downstreamProtocolError', 'DPE'],
  ['upstreamMaxStreamDurationReached', 'UMSDR'],
  ['responseFromCacheFilter', 'RFCF'],
  ['noFilterConfigFound', 'NFCF'],
  ['durationTimeout', 'DT'],
  ['upstreamProtocolError', 'UPE'],
  ['noClusterFound', 'NC'],
  ['overloadManager', 'OM'],
  ['dnsResolutionFailure', 'DF'],
  ['downstreamRemoteReset', 'DR'],
];

/** The flags, joined by commas; undefined for none. */
export function shortFlags(flags: ResponseFlags | undefined): string | undefined {
  const set = flags === undefined ? [] : shortNames.flatMap(([name, short]) => (flags[name] ? [short] : []));
  return set.length === 0 ? undefined : set.join(',');
}
