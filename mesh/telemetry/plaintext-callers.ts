// Who sent plaintext to whom, by what the servers' proxies counted. Pure.

/** Series that Prometheus has of one counter: labels, and samples `[Unix seconds, value]` in order. */
export interface CounterSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [seconds: number, value: string])[];
}

/** One caller of one service. */
export interface PlaintextCaller {
  /** `NAMESPACE/WORKLOAD`; undefined where the caller did not say who it is: it has no sidecar of this mesh. */
  readonly source?: string;
  /** The service's host. */
  readonly destination: string;
  readonly requests: number;
  readonly connections: number;
  /** When a count was last seen to grow. */
  readonly lastMs: number;
}

/**
 * What asks for it: HTTP and gRPC requests and TCP connections that came in at a sidecar without mutual TLS, with samples from before `seconds` ago, so that
 * a counter that is new is told from one that was there. Gateways are not meant: their clients are outside the mesh.
 */
export const plaintextQuery = (seconds: number): string =>
  `{__name__=~"istio_requests_total|istio_tcp_connections_opened_total",reporter="destination",connection_security_policy="none"}[${seconds + lookBackSeconds}s]`;

/** Prometheus itself takes a series that had no sample for five minutes to be gone. */
const lookBackSeconds = 300;
const unknown = new Set(['', 'unknown']);

/** Callers whose counts grew after `sinceMs`, those seen last first. Series of several servers, codes and pods of one pair are added up. */
export function plaintextCallers(series: readonly CounterSeries[], sinceMs: number): readonly PlaintextCaller[] {
  const callers = new Map<string, PlaintextCaller>();
  for (const { metric, values } of series) {
    const { count, lastMs } = growth(values, sinceMs);
    if (count <= 0) continue;
    const { source_workload: workload = '', source_workload_namespace: namespace = '' } = metric;
    const source = unknown.has(workload) ? undefined : `${namespace}/${workload}`;
    const destination = metric.destination_service ?? '';
    const key = `${source ?? ''} ${destination}`;
    const before = callers.get(key);
    const isRequest = metric.__name__ === 'istio_requests_total';
    callers.set(key, {
      ...(source !== undefined && { source }),
      destination,
      requests: (before?.requests ?? 0) + (isRequest ? count : 0),
      connections: (before?.connections ?? 0) + (isRequest ? 0 : count),
      lastMs: Math.max(before?.lastMs ?? 0, lastMs),
    });
  }
  return [...callers.values()].sort((a, b) => b.lastMs - a.lastMs || (keyOf(a) < keyOf(b) ? -1 : 1));
}

const keyOf = ({ source = '', destination }: PlaintextCaller) => `${source} ${destination}`;

/** How much a counter grew after `sinceMs`. One that was not there before began at 0; one that fell began anew. */
function growth(values: CounterSeries['values'], sinceMs: number): { readonly count: number; readonly lastMs: number } {
  let previous = 0;
  let count = 0;
  let lastMs = 0;
  for (const [seconds, text] of values) {
    const value = Number(text);
    const grown = value < previous ? value : value - previous;
    previous = value;
    if (seconds * 1000 <= sinceMs || !(grown > 0)) continue;
    count += grown;
    lastMs = seconds * 1000;
  }
  return { count, lastMs };
}
