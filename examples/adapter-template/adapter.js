// The adapter of my-platform: shows the instances that a list over HTTP names. Replace `translate` and the path by your platform's.
// @ts-check
import {
  commonLabels,
  hostnameByRule,
  MeshError,
  PlatformHttp,
  parseJson,
  runSessions,
  systemClock,
} from 'periplus/adapter';

/** The version of Periplus' adapter port that this is written for. */
export const portVersion = 1;

/** @typedef {{ service: string, id: string, address: string, port: number, healthy?: boolean, labels?: Record<string, string> }} Instance */
/** @typedef {{ url: string, instance?: string, refreshMs?: number, hostname?: string }} Config */

const platform = 'my-platform';
/** Everything is one list here. A platform with a list for each service has a scope for each, and `replace`s only what changed. */
const scope = 'instances';

/**
 * Called once to check the configuration: no look at the platform here.
 * @param {Config} config
 * @returns {import('periplus/adapter').Adapter}
 */
export function createAdapter({ url, instance = 'default', refreshMs = 5_000, hostname = 'NAME.my-platform' }) {
  if (!URL.canParse(url)) throw new MeshError('usage', 'url is missing: where the list of instances is');
  const http = new PlatformHttp({ name: platform, url: new URL(url) });
  return {
    platform,
    instance,
    // A session that rejects with a MeshError has lost the platform: nothing is taken out, and it is begun anew, with growing pauses.
    run: (sink, signal) =>
      runSessions(
        async (until) => {
          for (;;) {
            const { status, text } = await http.get('/instances', { signal: until, limitMs: 10_000 });
            if (status !== 200) throw new MeshError('unavailable', `${http.where} answered ${status}`);
            await sink.replace(scope, translate(parseJson(text, http.where), hostname));
            await sink.synced([scope]);
            await systemClock.sleep(refreshMs, until);
          }
        },
        { sink, clock: systemClock, signal },
      ),
  };
}

/**
 * A service for each name, with an endpoint for each instance. Pure: what it gives depends on the list alone, not on its order.
 * @param {unknown} list
 * @param {string} rule
 * @returns {import('periplus/adapter').Observed[]}
 */
export function translate(list, rule) {
  if (!Array.isArray(list)) throw new MeshError('invalid', 'the platform answered no list');
  /** @type {Map<string, Instance[]>} */
  const services = new Map();
  for (const each of /** @type {Instance[]} */ (list))
    services.set(each.service, [...(services.get(each.service) ?? []), each]);
  return [...services].flatMap(([name, instances]) => {
    const common = { hostname: hostnameByRule(rule, { NAME: name }), namespace: 'default', platform };
    /** @type {import('periplus/adapter').Observed} */
    const service = {
      kind: 'service',
      value: {
        ...common,
        name,
        addresses: [],
        ports: [{ name: 'http', port: 80, protocol: 'HTTP' }],
        labels: commonLabels(instances.map(labelsOf)),
        resolution: 'STATIC',
        location: 'MESH_INTERNAL',
      },
    };
    const endpoints = instances.map((each) => endpointOf(each, common));
    return [service, ...endpoints];
  });
}

/**
 * @param {Instance} instance
 * @param {{ hostname: string, namespace: string, platform: string }} common
 * @returns {import('periplus/adapter').Observed}
 */
function endpointOf(instance, common) {
  const { id, address, port, healthy = true } = instance;
  const health = healthy ? 'healthy' : 'unhealthy';
  return {
    kind: 'endpoint',
    value: { ...common, id, address, ports: { http: port }, labels: labelsOf(instance), health },
  };
}

/** @param {Instance} instance */
function labelsOf({ service, labels }) {
  return { app: service, ...labels };
}
