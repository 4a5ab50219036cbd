// A client of one Envoy's admin interface (envoyproxy.io/docs/envoy/latest/operations/admin): readiness, draining, metrics.
import { MeshError } from '../lib/mesh-error.ts';
import { httpRequest } from './http-request.ts';

/** Whether an Envoy serves, and if not, why. */
export interface Readiness {
  readonly ready: boolean;
  /** For people: `LIVE`, or what is missing. */
  readonly reason: string;
}

/** Longer means that the proxy's main thread hangs. */
const timeoutMs = 2_000;

/** Talks to the admin interface at `baseUrl`, such as `http://127.0.0.1:15000`. Methods reject when it can't be reached. */
export class EnvoyAdmin {
  readonly baseUrl: string;
  constructor(baseUrl: string) {
    this.baseUrl = baseUrl;
  }

  /** True only when Envoy is live, its workers run, and it has been given clusters and listeners. Never rejects. */
  async readiness(): Promise<Readiness> {
    try {
      const text = await this.get(`/stats?filter=${encodeURIComponent(readinessFilter)}`);
      return readinessOf(parseStats(text));
    } catch {
      return { ready: false, reason: 'Envoy’s admin interface does not answer' };
    }
  }

  /** Prometheus text of everything used so far. */
  metrics(): Promise<string> {
    return this.get('/stats/prometheus?usedonly');
  }

  /** What the proxy holds, endpoints included, as proto3 JSON. */
  async configDump(): Promise<unknown> {
    return JSON.parse(await this.get('/config_dump?include_eds'));
  }

  /** The ClusterLoadAssignments that it was given, as proto3 JSON (envoy.admin.v3.EndpointsConfigDump's `dynamic_endpoint_configs`). */
  async endpointDump(): Promise<unknown> {
    return JSON.parse(await this.get('/config_dump?include_eds&resource=dynamic_endpoint_configs'));
  }

  /** Connections that clients have open to listeners that Pilot gave. */
  async activeConnections(): Promise<number> {
    const text = await this.get(
      `/stats?filter=${encodeURIComponent('^http\\..*\\.downstream_cx_active$|^tcp\\..*\\.downstream_cx_active$')}`,
    );
    const ours = /^http\.(admin|prometheus|readiness)\./;
    return [...parseStats(text)].reduce((sum, [name, value]) => (ours.test(name) ? sum : sum + value), 0);
  }

  /** Tells health checkers and HTTP clients to go away, and lets listeners serve on for the drain time. */
  async startDraining(): Promise<void> {
    await this.post('/healthcheck/fail');
    await this.post('/drain_listeners?graceful');
  }

  private async get(path: string): Promise<string> {
    return this.text(path, 'GET');
  }

  private async post(path: string): Promise<void> {
    await this.text(path, 'POST');
  }

  private async text(path: string, method: 'GET' | 'POST'): Promise<string> {
    const { status, body } = await httpRequest(`${this.baseUrl}${path}`, { method, timeoutMs });
    if (status !== 200) throw new MeshError('unavailable', `Envoy’s admin interface: ${path} answered ${status}`);
    return body;
  }
}

const readinessFilter =
  '^(server\\.state|cluster_manager\\.cds\\.update_(success|rejected)|listener_manager\\.(workers_started|lds\\.update_(success|rejected)))$';

/** Reads `name: value` lines. */
export function parseStats(text: string): ReadonlyMap<string, number> {
  const stats = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(': ');
    if (at > 0) stats.set(line.slice(0, at), Number(line.slice(at + 2)));
  }
  return stats;
}

/** Judges the statistics of `readinessFilter`; a rejected update counts as heard: the proxy serves what it could take. */
export function readinessOf(stats: ReadonlyMap<string, number>): Readiness {
  const heard = (type: string) =>
    (stats.get(`${type}.update_success`) ?? 0) + (stats.get(`${type}.update_rejected`) ?? 0) > 0;
  const state = stats.get('server.state');
  const notReady = (reason: string) => ({ ready: false, reason });
  if (state === undefined) return notReady('Envoy has not started yet');
  if (!heard('cluster_manager.cds')) return notReady('no clusters from Pilot yet');
  if (!heard('listener_manager.lds')) return notReady('no listeners from Pilot yet');
  if (state !== 0) return notReady(['LIVE', 'DRAINING', 'PRE_INITIALIZING', 'INITIALIZING'][state] ?? `state ${state}`);
  if (stats.get('listener_manager.workers_started') !== 1) return notReady('workers have not started');
  return { ready: true, reason: 'LIVE' };
}
