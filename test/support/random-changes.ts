// A reproducible random walk over a small mesh's configuration: services, endpoints, subsets and routes come, change and go.

/** One call of the admin API. */
export interface RandomChange {
  readonly path: '/api/v1/apply' | '/api/v1/delete';
  readonly body: object;
}

const namespace = 'default';
const hostOf = (i: number) => `svc-${i}.mesh.example`;
const services = 6;

/** Mulberry32: the same seed gives the same walk everywhere. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Gives the next change each time; never the deletion of what is not there. */
export function randomChanges(seed: number): () => RandomChange {
  const random = randomNumbers(seed);
  const pick = (n: number) => Math.floor(random() * n);
  const existing = new Map<string, string>();

  const apply = (kind: string, name: string, spec: object): RandomChange => {
    existing.set(`${kind}/${name}`, name);
    const resource = { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace }, spec };
    return { path: '/api/v1/apply', body: { resources: [resource] } };
  };
  const serviceEntry = (i: number) =>
    apply('ServiceEntry', `svc-${i}`, {
      hosts: [hostOf(i)],
      addresses: [`240.0.0.${i + 1}`],
      ports: [{ number: 8000 + i, name: 'http', protocol: 'HTTP' }],
      location: 'MESH_INTERNAL',
      resolution: 'STATIC',
      endpoints: Array.from({ length: 1 + pick(4) }, () => ({
        address: `127.77.${pick(250)}.${1 + pick(250)}`,
        labels: { version: `v${1 + pick(3)}` },
        weight: 1 + pick(5),
      })),
    });
  const destinationRule = (i: number) =>
    apply('DestinationRule', `svc-${i}`, {
      host: hostOf(i),
      trafficPolicy: { connectionPool: { tcp: { maxConnections: 1 + pick(100) } } },
      subsets: [1, 2, 3].slice(0, 1 + pick(3)).map((v) => ({ name: `v${v}`, labels: { version: `v${v}` } })),
    });
  const virtualService = (i: number) => {
    const weight = pick(101);
    return apply('VirtualService', `svc-${i}`, {
      hosts: [hostOf(i)],
      http: [
        {
          match: [{ uri: { prefix: `/p${pick(10)}` } }],
          timeout: `${1 + pick(20)}s`,
          route: [{ destination: { host: hostOf(i) } }],
        },
        {
          retries: { attempts: pick(4) },
          route: [
            { destination: { host: hostOf(i), subset: 'v1' }, weight },
            { destination: { host: hostOf((i + 1) % services) }, weight: 100 - weight },
          ],
        },
      ],
    });
  };
  const removal = (): RandomChange | undefined => {
    const keys = [...existing.keys()];
    const key = keys[pick(keys.length)];
    if (key === undefined) return undefined;
    existing.delete(key);
    const [kind = '', name = ''] = key.split('/');
    return { path: '/api/v1/delete', body: { resources: [{ kind, namespace, name }] } };
  };

  return () => {
    const i = pick(services);
    const dice = random();
    if (dice < 0.1) return removal() ?? serviceEntry(i);
    if (dice < 0.55) return serviceEntry(i);
    if (dice < 0.75) return destinationRule(i);
    return virtualService(i);
  };
}
