// Which of the kinds that Periplus reads as configuration a cluster serves, and under which path and version.
import { compareStrings } from '../../mesh/compare.ts';
import { kinds } from '../../mesh/config/schemas/kinds.ts';
import { ApiError } from './api-error.ts';
import type { KubernetesClient } from './client.ts';

/** One kind as it is served. */
export interface ServedKind {
  readonly kind: string;
  /** Of the collection over all namespaces, such as `/apis/networking.istio.io/v1/virtualservices`. */
  readonly path: string;
  /** Whether its objects have a status of their own, which does not count as a change of them. */
  readonly hasStatus: boolean;
}

/** What discovery said. */
export interface Discovery {
  readonly served: ReadonlyMap<string, ServedKind>;
  /** Kinds that may be served although they are missing: their group could not be asked. */
  readonly uncertain: ReadonlySet<string>;
}

/** Aggregated discovery (kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery), of 1.30 and of 1.27. */
const accept = ['v2', 'v2beta1']
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .join(',');

interface GroupList {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly {
      readonly version?: string;
      readonly freshness?: string;
      readonly resources?: readonly {
        readonly resource?: string;
        readonly responseKind?: { readonly kind?: string };
        readonly verbs?: readonly string[];
        readonly subresources?: readonly { readonly subresource?: string }[];
      }[];
    }[];
  }[];
}

/** Asks again and again; an answer that has not changed costs the server and us next to nothing. */
export class DiscoveryReader {
  readonly #client: KubernetesClient;
  #etag: string | undefined;
  #last: Discovery | undefined;

  constructor(client: KubernetesClient) {
    this.#client = client;
  }

  /** Undefined while the server says itself that it is not ready: its discovery may lack what it will serve. Rejects with ApiError. */
  async read(signal: AbortSignal): Promise<Discovery | undefined> {
    if (!(await this.#isReady(signal))) return undefined;
    const answer = await this.#client.get('/apis', { signal, accept, ...(this.#etag && { etag: this.#etag }) });
    if (answer === undefined && this.#last) return this.#last;
    const list = answer?.body as GroupList | undefined;
    if (!Array.isArray(list?.items))
      throw new ApiError(0, 'the API server has no aggregated discovery: Kubernetes 1.27 or later is needed');
    this.#last = discoveryIn(list);
    this.#etag = answer?.etag;
    return this.#last;
  }

  async #isReady(signal: AbortSignal): Promise<boolean> {
    try {
      // The answer is the text `ok`.
      await this.#client.get('/readyz', { signal, accept: '*/*', text: true });
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 403 || error.status === 404) return true;
      if (error.status === 500 || error.status === 503) return false;
      throw error;
    }
  }
}

/** The kinds in a discovery document, each in the first version that Periplus knows. Pure. */
export function discoveryIn(list: GroupList): Discovery {
  const found = new Map<string, Omit<ServedKind, 'kind'>>();
  const staleGroups = new Set<string>();
  for (const group of list.items ?? []) {
    const name = group.metadata?.name ?? '';
    for (const version of group.versions ?? []) {
      if (version.freshness === 'Stale') staleGroups.add(name);
      for (const { resource, responseKind, verbs, subresources } of version.resources ?? []) {
        if (!resource || !verbs?.includes('list') || !verbs.includes('watch')) continue;
        const apiVersion = `${name}/${version.version}`;
        const hasStatus = subresources?.some(({ subresource }) => subresource === 'status') ?? false;
        found.set(`${apiVersion}/${responseKind?.kind}`, { path: `/apis/${apiVersion}/${resource}`, hasStatus });
      }
    }
  }
  const served = new Map<string, ServedKind>();
  const uncertain = new Set<string>();
  for (const { kind, apiVersions, type } of [...kinds.values()].sort((a, b) => compareStrings(a.kind, b.kind))) {
    if (type !== 'config') continue;
    const place = apiVersions.map((apiVersion) => found.get(`${apiVersion}/${kind}`)).find((one) => one);
    if (place) served.set(kind, { kind, ...place });
    else if (apiVersions.some((apiVersion) => staleGroups.has(apiVersion.split('/')[0] ?? ''))) uncertain.add(kind);
  }
  return { served, uncertain };
}
