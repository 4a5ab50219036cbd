// A stand-in for the API server, for unit tests: the list-and-watch protocol as kubernetes.io/docs/reference/using-api/api-concepts says it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** An object as a test writes it. */
export interface FixtureObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

interface Recorded {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  readonly collection: string;
  readonly object: FixtureObject;
}

interface Watcher {
  readonly collection: string;
  readonly response: ServerResponse;
}

let clusters = 0;

/** Collections by path, such as `/api/v1/pods`. Knows neither controllers nor admission; what is put is there. */
export class ApiServerFixture {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watchers = new Set<Watcher>();
  #collections = new Map<string, Map<string, FixtureObject>>();
  #history: Recorded[] = [];
  #version = 100;
  #compactedTo = 0;
  #uid = `cluster-${++clusters}`;
  /** Requests so far, path with query. */
  readonly requests: string[] = [];
  /** The only bearer token that is accepted, when set. */
  token: string | undefined;
  isReady = true;
  /** While set, every request is answered 429 with this many seconds in Retry-After. */
  busySeconds: number | undefined;
  /** While true, watches get no events at all, as behind a middlebox that lost the connection. */
  isMute = false;
  /** Groups whose discovery is stale. */
  staleGroups: readonly string[] = [];
  readonly port: number;

  private constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    this.port = typeof address === 'object' && address ? address.port : 0;
  }

  /** Starts with the collections of a cluster without Istio's definitions, and the namespaces default and kube-system. */
  static async start(port = 0): Promise<ApiServerFixture> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const fixture = new ApiServerFixture(server);
    server.on('connection', (socket) => {
      fixture.#sockets.add(socket);
      socket.on('close', () => fixture.#sockets.delete(socket)).on('error', () => {});
    });
    server.on('request', (request, response) => fixture.#answer(request, response));
    fixture.#begin();
    return fixture;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Has `path` served. */
  define(path: string): void {
    if (!this.#collections.has(path)) this.#collections.set(path, new Map());
  }

  /** No longer serves it. */
  undefine(path: string): void {
    this.#collections.delete(path);
  }

  put(collection: string, object: FixtureObject): void {
    const key = keyOf(object);
    const objects = this.#collectionAt(collection);
    this.#record(objects.has(key) ? 'MODIFIED' : 'ADDED', collection, object);
  }

  remove(collection: string, name: string, namespace?: string): void {
    const object = this.#collectionAt(collection).get(keyOf({ metadata: { name, ...(namespace && { namespace }) } }));
    if (object) this.#record('DELETED', collection, object);
  }

  /** Forgets the past: older watches and pages are answered 410. */
  compact(): void {
    this.#compactedTo = this.#version;
    this.#history = [];
  }

  /** Breaks every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends every watch in order. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end();
  }

  bookmark(): void {
    const object = { metadata: { resourceVersion: String(this.#version) } };
    for (const { response } of this.#watchers) response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  /** Empty again: the same cluster with an older or another past, or another cluster at the same address. */
  startAnew(which: 'same' | 'other', version: number): void {
    this.cut();
    if (which === 'other') this.#uid = `cluster-${++clusters}`;
    this.#version = version;
    this.#compactedTo = 0;
    this.#history = [];
    this.#begin();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #begin(): void {
    const paths = [...this.#collections.keys()];
    this.#collections = new Map(paths.map((path) => [path, new Map()]));
    for (const path of [
      '/api/v1/services',
      '/apis/discovery.k8s.io/v1/endpointslices',
      '/api/v1/pods',
      '/api/v1/nodes',
    ])
      this.define(path);
    this.define('/api/v1/namespaces');
    this.define('/api/v1/namespaces/istio-system/configmaps');
    for (const name of ['default', 'kube-system'])
      this.put('/api/v1/namespaces', { metadata: { name, uid: this.#uid } });
  }

  #collectionAt(path: string): Map<string, FixtureObject> {
    const objects = this.#collections.get(path);
    if (!objects) throw new Error(`the stand-in does not serve ${path}`);
    return objects;
  }

  #record(type: Recorded['type'], collection: string, given: FixtureObject): void {
    const version = ++this.#version;
    const object = { ...given, metadata: { ...given.metadata, resourceVersion: String(version) } };
    if (type === 'DELETED') this.#collectionAt(collection).delete(keyOf(object));
    else this.#collectionAt(collection).set(keyOf(object), object);
    const recorded = { type, version, collection, object };
    this.#history.push(recorded);
    for (const watcher of this.#watchers) this.#tell(watcher, recorded);
  }

  #tell({ collection, response }: Watcher, { type, object, collection: changed }: Recorded): void {
    if (collection === changed && !this.isMute) response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests.push(request.url ?? '');
    const url = new URL(request.url ?? '/', this.url);
    const isNamespace = /^\/api\/v1\/namespaces\/[^/]+$/.test(url.pathname);
    if (this.busySeconds !== undefined)
      refuse(response, 429, 'too many requests', { 'retry-after': String(this.busySeconds) });
    else if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`)
      refuse(response, 401, 'Unauthorized');
    else if (url.pathname === '/readyz') response.writeHead(this.isReady ? 200 : 500).end('ok');
    else if (url.pathname === '/apis') this.#discover(request, response);
    else if (isNamespace) this.#namespace(url.pathname.split('/')[4] ?? '', response);
    else if (!this.#collections.has(url.pathname)) refuse(response, 404, 'the server could not find it');
    else if (url.searchParams.has('watch')) this.#watch(url, response);
    else this.#list(url, response);
  }

  #namespace(name: string, response: ServerResponse): void {
    const found = this.#collections.get('/api/v1/namespaces')?.get(`/${name}`);
    if (found) send(response, found);
    else refuse(response, 404, `namespaces "${name}" not found`);
  }

  #list({ pathname, searchParams }: URL, response: ServerResponse): void {
    const objects = [...this.#collectionAt(pathname).values()].filter(selector(searchParams));
    const limit = Number(searchParams.get('limit') ?? objects.length);
    const [begin = 0, version = this.#version] = (searchParams.get('continue') ?? '')
      .split('@')
      .filter(Boolean)
      .map(Number);
    if (version < this.#compactedTo) {
      refuse(response, 410, 'the continue token is too old');
      return;
    }
    const end = begin + limit;
    const next = end < objects.length ? { continue: `${end}@${version}` } : {};
    send(response, { metadata: { resourceVersion: String(version), ...next }, items: objects.slice(begin, end) });
  }

  /** From a version of the future it waits silently, as the real one does. */
  #watch({ pathname, searchParams }: URL, response: ServerResponse): void {
    const from = Number(searchParams.get('resourceVersion'));
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    if (from < this.#compactedTo) {
      const object = { kind: 'Status', code: 410, message: 'too old resource version', metadata: {} };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    const watcher = { collection: pathname, response };
    const known = this.#history.filter(({ version, object }) => version > from && selector(searchParams)(object));
    for (const recorded of known) this.#tell(watcher, recorded);
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
  }

  #discover(request: IncomingMessage, response: ServerResponse): void {
    const groups = new Map<string, Map<string, string[]>>();
    for (const path of this.#collections.keys()) {
      const [, root, group = '', version = '', resource = ''] = path.split('/');
      if (root !== 'apis') continue;
      const versions = groups.get(group) ?? new Map<string, string[]>();
      groups.set(group, versions.set(version, [...(versions.get(version) ?? []), resource]));
    }
    const items = [...groups].map(([name, versions]) => ({
      metadata: { name },
      versions: [...versions].map(([version, resources]) => ({
        version,
        freshness: this.staleGroups.includes(name) ? 'Stale' : 'Current',
        resources: this.staleGroups.includes(name) ? [] : resources.map(discovered),
      })),
    }));
    const etag = JSON.stringify(JSON.stringify(items).length);
    if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
    else send(response, { kind: 'APIGroupDiscoveryList', items }, { etag });
  }
}

const fixtureKinds: Readonly<Record<string, string>> = {
  virtualservices: 'VirtualService',
  destinationrules: 'DestinationRule',
  endpointslices: 'EndpointSlice',
};

function discovered(resource: string) {
  return { resource, responseKind: { kind: fixtureKinds[resource] ?? resource }, verbs: ['get', 'list', 'watch'] };
}

function keyOf({ metadata }: { readonly metadata: { readonly name: string; readonly namespace?: string } }): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function selector(search: URLSearchParams): (object: FixtureObject) => boolean {
  const name = /^metadata\.name=(.+)$/.exec(search.get('fieldSelector') ?? '')?.[1];
  return ({ metadata }) => name === undefined || metadata.name === name;
}

function send(response: ServerResponse, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function refuse(
  response: ServerResponse,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response
    .writeHead(code, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify({ kind: 'Status', status: 'Failure', message, code }));
}
