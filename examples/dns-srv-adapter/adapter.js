// Services by DNS SRV records: names are looked up again and again, their targets are endpoints. README.md says what becomes what.
// @ts-check
import { promises as dns } from 'node:dns';
import { isDnsName, MeshError, messageOf, protocolOfPort, runSessions, systemClock } from 'periplus/adapter';

/** The version of Periplus' adapter port that this is written for. */
export const portVersion = 1;

/** @typedef {{ record: string, hostname?: string, namespace?: string, port?: number }} ServiceConfig */
/** @typedef {{ services: ServiceConfig[], server?: string, instance?: string, refreshSeconds?: number, timeoutMs?: number }} Config */
/** @typedef {{ name: string, port: number, priority: number, weight: number, addresses: string[] }} Target */

const platform = 'dns-srv';

/**
 * @param {Config} config
 * @returns {import('periplus/adapter').Adapter}
 */
export function createAdapter({ services, server, instance = 'default', refreshSeconds = 10, timeoutMs = 2_000 }) {
  if (!Array.isArray(services) || services.length === 0)
    throw new MeshError('usage', 'services: name at least one record');
  for (const { record } of services)
    if (typeof record !== 'string' || !isDnsName(record))
      throw new MeshError('usage', `services: "${record}" is no DNS name`);
  // Tried once more, with twice the time: a resolver asks others.
  const resolver = new dns.Resolver({ timeout: timeoutMs, tries: 2 });
  if (server !== undefined) resolver.setServers([server]);
  return {
    platform,
    instance,
    run: (sink, signal) =>
      runSessions((until) => follow({ services, resolver, refreshSeconds }, sink, until), {
        sink,
        clock: systemClock,
        signal,
      }),
  };
}

/**
 * All records in one step: a zone that lost many of them at once is judged by all that it lost.
 * @param {{ services: ServiceConfig[], resolver: dns.Resolver, refreshSeconds: number }} options
 * @param {import('periplus/adapter').AdapterSink} sink
 * @param {AbortSignal} signal
 */
async function follow({ services, resolver, refreshSeconds }, sink, signal) {
  const cancel = () => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      const looked = await Promise.all(
        services.map(async (each) => observe(each, await lookUp(each.record, resolver))),
      );
      signal.throwIfAborted();
      await sink.replaceAll(new Map(services.map(({ record }, index) => [record, looked[index] ?? []])));
      await sink.synced(services.map(({ record }) => record));
      await systemClock.sleep(refreshSeconds * 1_000, signal);
    }
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/**
 * @param {string} record
 * @param {dns.Resolver} resolver
 * @returns {Promise<Target[]>}
 */
async function lookUp(record, resolver) {
  const targets = await answer(() => resolver.resolveSrv(record), record);
  return await Promise.all(
    targets.map(async (target) => {
      const four = await answer(() => resolver.resolve4(target.name), target.name);
      const addresses = four.length > 0 ? four : await answer(() => resolver.resolve6(target.name), target.name);
      return { ...target, addresses: addresses.sort() };
    }),
  );
}

/**
 * The records, none when the name has none; everything else is a platform that can't be read.
 * @template T
 * @param {() => Promise<T[]>} ask
 * @param {string} name
 * @returns {Promise<T[]>}
 */
async function answer(ask, name) {
  try {
    return await ask();
  } catch (error) {
    const code = /** @type {{ code?: string }} */ (error).code;
    if (code === 'ENOTFOUND' || code === 'ENODATA') return [];
    throw new MeshError('unavailable', `DNS about ${name}: ${messageOf(error)}`);
  }
}

/**
 * A service with an endpoint for each address of each target; nothing when the record has no targets.
 * @param {ServiceConfig} config
 * @param {Target[]} targets
 * @returns {import('periplus/adapter').Observed[]}
 */
export function observe({ record, hostname, namespace = 'default', port }, targets) {
  if (targets.length === 0) return [];
  const [first = '', ...rest] = record.toLowerCase().split('.');
  const host = hostname ?? (rest[0]?.startsWith('_') ? rest.slice(1) : rest).join('.');
  const name = host.split('.')[0] ?? host;
  const scheme = first.replace(/^_/, '');
  const ordered = [...targets].sort((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1) || a.port - b.port);
  const common = { hostname: host, namespace, platform };
  return [
    {
      kind: 'service',
      value: {
        ...common,
        name,
        addresses: [],
        ports: [{ name: scheme, port: port ?? ordered[0]?.port ?? 80, protocol: protocolOfPort(scheme, undefined) }],
        labels: { app: name },
        resolution: 'STATIC',
        location: 'MESH_INTERNAL',
      },
    },
    ...ordered.flatMap((target) =>
      target.addresses.map((address) => {
        /** @type {import('periplus/adapter').Observed} */
        const endpoint = {
          kind: 'endpoint',
          value: {
            ...common,
            id: `${target.name}/${address}/${target.port}`,
            address,
            ports: { [scheme]: target.port },
            labels: { app: name, 'srv-priority': String(target.priority) },
            health: 'healthy',
            ...(target.weight > 1 && { weight: target.weight }),
          },
        };
        return endpoint;
      }),
    ),
  ];
}
