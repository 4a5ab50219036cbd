// Which connected proxy a person means: by name, by node id, or as istioctl takes it, by the Kubernetes resource that owns its pod.
import { MeshError } from '../lib/mesh-error.ts';
import { didYouMean } from '../mesh/config/suggest-name.ts';
import type { ProxyStatus } from '../services/pilot/admin/schemas.ts';

/** How help describes what `findProxy` takes. */
export const proxyArgument = 'NAME.NAMESPACE, NAME, node id, or KIND/NAME[.NAMESPACE] such as deploy/web';

/** What is read of a proxy to find it. */
type Named = Pick<ProxyStatus, 'id' | 'name' | 'namespace' | 'connected'>;

/** `name` in the namespace of `-n`, unless it says one itself. */
export function qualified(name: string, namespace: string | undefined): string {
  const says = /[.~]/.test(name.slice(name.lastIndexOf('/') + 1));
  return namespace === undefined || says ? name : `${name}.${namespace}`;
}

/**
 * The proxy that `name` means; of several pods of one owner the first by name, as with istioctl.
 * Throws MeshError `not-found` with the nearest, `usage` when it means several.
 */
export function findProxy<T extends Named>(proxies: readonly T[], name: string): T {
  const exact = proxies.filter((proxy) => proxy.id === name || proxy.name === name);
  if (exact.length === 0 && name.includes('/') && !name.includes('~')) return findOwned(proxies, name);
  const matches = exact.length > 0 ? exact : proxies.filter((proxy) => proxy.name.startsWith(`${name}.`));
  const [first, second] = connectedFirst(matches);
  if (first === undefined) throw noProxy(proxies, name);
  if (second !== undefined)
    throw new MeshError('usage', `"${name}" means ${first.id} and ${second.id}: give the whole node id`);
  return first;
}

/** The connected ones where there are any, or else all. */
function connectedFirst<T extends Named>(proxies: readonly T[]): readonly T[] {
  const connected = proxies.filter((proxy) => proxy.connected);
  return connected.length > 0 ? connected : proxies;
}

/** Letters that Kubernetes draws the ends of pods' names from (k8s.io/apimachinery `util/rand`). */
const drawn = '[bcdfghjklmnpqrstvwxz2456789]';

/** How the names of a kind's pods end behind its own. A proxy outside Kubernetes has its workload's own name. */
const podSuffixes = {
  pod: '',
  deployment: `(-${drawn}{1,10}-${drawn}{5})?`,
  replicaset: `(-${drawn}{5})?`,
  daemonset: `(-${drawn}{5})?`,
  statefulset: '(-[0-9]+)?',
} as const;

/** kubectl's short words for them; the long ones may end in `s`. */
const shortKinds: Readonly<Record<string, keyof typeof podSuffixes>> = {
  po: 'pod',
  deploy: 'deployment',
  rs: 'replicaset',
  ds: 'daemonset',
  sts: 'statefulset',
};

/** The kind that `deploy`, `deployments` or `Deployment.apps` means. */
function podOwner(word: string): keyof typeof podSuffixes | undefined {
  const [kind = ''] = word.toLowerCase().split('.');
  const found = Object.entries(shortKinds).find(([short, long]) => [short, long, `${long}s`].includes(kind));
  return found?.[1];
}

function findOwned<T extends Named>(proxies: readonly T[], reference: string): T {
  const [kindName = '', ...rest] = reference.split('/');
  const kind = podOwner(kindName);
  if (kind === undefined)
    throw new MeshError(
      'usage',
      `${reference}: expected pod, deployment, replicaset, daemonset or statefulset before the "/"`,
    );
  const target = rest.join('/');
  const [name = '', ...namespace] = target.split('.');
  const suffix = new RegExp(`^${podSuffixes[kind]}$`);
  const isOwned = (pod: string) => pod.startsWith(name) && suffix.test(pod.slice(name.length));
  const owned = proxies.filter(
    (proxy) =>
      isOwned(proxy.name.split('.')[0] ?? '') && (namespace.length === 0 || proxy.namespace === namespace.join('.')),
  );
  const [first, ...others] = connectedFirst(owned);
  if (first === undefined) throw noProxy(proxies, reference, target);
  const elsewhere = others.find((proxy) => proxy.namespace !== first.namespace);
  if (elsewhere !== undefined)
    throw new MeshError(
      'usage',
      `"${reference}" is in namespaces ${first.namespace} and ${elsewhere.namespace}: say which with -n, or ${reference}.${first.namespace}`,
    );
  return first;
}

function noProxy(proxies: readonly Named[], asked: string, name = asked): MeshError {
  const names = proxies.map((proxy) => proxy.name);
  return new MeshError(
    'not-found',
    `no proxy named "${asked}"${didYouMean(name, names)}; "periplus proxy-status" lists them`,
  );
}
