// A stand-in for Nomad, written from its HTTP API documentation (developer.hashicorp.com/nomad/api-docs): no Nomad can be had here.
// It places jobs at once, and serves services, allocations, jobs, checks (blocking queries) and the event stream with index, buffer and ACLs.
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** How it differs from a development agent. */
export interface FakeNomadOptions {
  /** Namespaces that a token may read (`*`: all); absent: ACLs are off. */
  readonly tokens?: Readonly<Record<string, readonly string[]>>;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Changes kept for streams (Nomad's `event_buffer_size`, 100). */
  readonly bufferSize?: number;
  /** Nomad sends one every 10 s. */
  readonly heartbeatMs?: number;
}

interface Alloc {
  readonly ID: string;
  readonly Namespace: string;
  readonly JobID: string;
  DesiredStatus: string;
  ClientStatus: string;
  DeploymentStatus: { Healthy: boolean | null } | null;
  ModifyIndex: number;
}
interface Registration {
  readonly ID: string;
  readonly ServiceName: string;
  readonly Namespace: string;
  readonly NodeID: string;
  readonly Datacenter: string;
  readonly JobID: string;
  readonly AllocID: string;
  readonly Tags: readonly string[];
  readonly Address: string;
  readonly Port: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}
/** As `PUT /v1/jobs` takes it, as far as the stand-in reads it. */
export interface NomadJobSpec {
  readonly ID: string;
  readonly Namespace?: string;
  readonly Meta?: Readonly<Record<string, string>>;
  readonly TaskGroups: readonly {
    readonly Name: string;
    readonly Count: number;
    readonly Services: readonly { readonly Name: string; readonly Tags?: readonly string[] }[];
  }[];
}
interface Change {
  readonly Index: number;
  readonly Events: readonly { readonly Topic: string; readonly Namespace: string; readonly [more: string]: unknown }[];
}
interface Stream {
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
}

/** See the file's first lines. */
export class FakeNomad {
  readonly #options: FakeNomadOptions;
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Set<Stream>();
  readonly #waiting = new Set<() => void>();
  #server: Server | undefined;
  #port = 0;
  #index = 10;
  #jobs = new Map<string, NomadJobSpec & { ModifyIndex: number }>();
  #allocs = new Map<string, Alloc>();
  #registrations = new Map<string, Registration>();
  #checks = new Map<string, Record<string, unknown>>();
  #changes: Change[] = [];
  #nextPort = 20_000;
  #heartbeat: NodeJS.Timeout | undefined;
  /** Whether it knows a leader: without one everything is answered with 500. */
  hasLeader = true;
  /** Takes requests and answers none; open streams fall silent. */
  hangs = false;
  /** How often it has sent one. */
  heartbeats = 0;
  /** Starts of event streams: the index that each asked for. */
  readonly streamStarts: number[] = [];

  private constructor(options: FakeNomadOptions) {
    this.#options = options;
  }

  static async start(options: FakeNomadOptions = {}): Promise<FakeNomad> {
    const nomad = new FakeNomad(options);
    await nomad.restart();
    return nomad;
  }

  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://127.0.0.1:${this.#port}`;
  }

  /** Listens again, at the same port, with what it knew. */
  async restart(): Promise<void> {
    this.hangs = false;
    if (this.#server !== undefined) return;
    const { tls, heartbeatMs = 10_000 } = this.#options;
    const listener = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response);
    const server = tls ? createTlsServer(tls, listener) : createServer(listener);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#heartbeat = setInterval(() => {
      this.heartbeats++;
      this.#toStreams(() => '{}');
    }, heartbeatMs);
  }

  /** Cuts everything and listens no more. */
  async stop(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.cut();
    const server = this.#server;
    this.#server = undefined;
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#streams.clear();
  }

  /** Another Nomad at the same address: nothing in it, its index from the beginning. */
  wipe(): void {
    this.#index = 1;
    for (const map of [this.#jobs, this.#allocs, this.#registrations, this.#checks]) map.clear();
    this.#changes = [];
    this.cut();
  }

  /** Answers lists without these services, as a server does that has not caught up. */
  hiddenServices: ReadonlySet<string> = new Set();

  /** An allocation's state as its client reports it. */
  report(
    id: string,
    state: { readonly ClientStatus?: string; readonly Healthy?: boolean; readonly DesiredStatus?: string },
  ): void {
    const alloc = this.#allocs.get(id);
    if (alloc === undefined) throw new Error(`no allocation ${id}`);
    this.#change((index) => {
      const { Healthy, ...others } = state;
      Object.assign(alloc, others, { ModifyIndex: index });
      if (Healthy !== undefined) alloc.DeploymentStatus = { Healthy };
      return [eventOf('Allocation', 'AllocationUpdated', alloc.Namespace, { Allocation: { ...alloc } })];
    });
  }

  /** The state of an allocation's check, which no event tells. */
  check(id: string, Service: string, Status: 'success' | 'failure' | 'pending'): void {
    this.#checks.set(id, { c1: { ID: 'c1', Check: 'alive', Group: 'g', Mode: 'healthiness', Service, Status } });
  }

  #put(job: NomadJobSpec): void {
    const namespace = job.Namespace ?? 'default';
    this.#change((index) => {
      this.#jobs.set(`${namespace}/${job.ID}`, { ...job, Namespace: namespace, ModifyIndex: index });
      return [eventOf('Job', 'JobRegistered', namespace, { Job: this.#jobs.get(`${namespace}/${job.ID}`) })];
    });
    const count = job.TaskGroups[0]?.Count ?? 0;
    const live = [...this.#allocs.values()].filter(
      (alloc) => alloc.JobID === job.ID && alloc.Namespace === namespace && alloc.DesiredStatus === 'run',
    );
    for (const alloc of live.slice(count)) this.#end(alloc);
    for (let more = live.length; more < count; more++) this.#place(job, namespace);
  }

  #place(job: NomadJobSpec, namespace: string): void {
    const group = job.TaskGroups[0];
    const alloc: Alloc = {
      ...{ ID: randomUUID(), Namespace: namespace, JobID: job.ID, DesiredStatus: 'run', ClientStatus: 'pending' },
      ...{ DeploymentStatus: null, ModifyIndex: 0 },
    };
    this.#allocs.set(alloc.ID, alloc);
    this.report(alloc.ID, { ClientStatus: 'running' });
    this.#change((index) =>
      (group?.Services ?? []).map(({ Name, Tags = [] }) => {
        const Port = this.#nextPort++;
        const ID = `_nomad-task-${alloc.ID}-group-${group?.Name}-${Name}-http`;
        const where = { NodeID: 'node-1', Datacenter: 'dc1', Address: '127.0.0.1', Port };
        const names = { ID, ServiceName: Name, Namespace: namespace, JobID: job.ID, AllocID: alloc.ID, Tags };
        const registration = { ...names, ...where, CreateIndex: index, ModifyIndex: index };
        this.#registrations.set(ID, registration);
        return eventOf('Service', 'ServiceRegistration', namespace, { Service: registration });
      }),
    );
  }

  /** Nomad deregisters first, then stops the tasks. */
  #end(alloc: Alloc): void {
    this.report(alloc.ID, { DesiredStatus: 'stop' });
    this.#change(() =>
      [...this.#registrations.values()]
        .filter(({ AllocID }) => AllocID === alloc.ID)
        .map((registration) => {
          this.#registrations.delete(registration.ID);
          return eventOf('Service', 'ServiceDeregistration', alloc.Namespace, { Service: registration });
        }),
    );
    this.report(alloc.ID, { ClientStatus: 'complete' });
  }

  #change(make: (index: number) => Change['Events']): void {
    const Index = ++this.#index;
    const change = { Index, Events: make(Index).map((event) => ({ ...event, Index })) };
    this.#changes = [...this.#changes, change].slice(-(this.#options.bufferSize ?? 100));
    this.#toStreams((query) => lineOf(change, query));
    for (const wake of [...this.#waiting]) wake();
  }

  #toStreams(line: (query: URLSearchParams) => string | undefined): void {
    if (this.hangs) return;
    for (const { response, query } of this.#streams) {
      const text = line(query);
      if (text !== undefined) response.write(`${text}\n`);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += chunk;
    const url = new URL(request.url ?? '/', 'http://nomad');
    if (this.hangs) return;
    if (!this.hasLeader) return void response.writeHead(500).end('No cluster leader');
    const namespace = url.searchParams.get('namespace') ?? 'default';
    const readable = this.#readable(request);
    if (readable === undefined) return void response.writeHead(403).end('ACL token not found');
    const mayRead = (name: string) => readable.includes('*') || readable.includes(name);
    const isStream = url.pathname === '/v1/event/stream';
    // Lists of all namespaces are filtered; a stream of all needs a right on `*`.
    const isRefused = namespace === '*' ? isStream && !readable.includes('*') : !mayRead(namespace);
    if (isRefused) return void response.writeHead(403).end('Permission denied');
    if (isStream) return this.#stream(response, url.searchParams);
    if (request.method !== 'GET') return this.#write(request, response, { url, body });
    await this.#block(url.searchParams);
    if (response.destroyed) return;
    const sees = ({ Namespace = 'default' }: { readonly Namespace?: string | undefined }) =>
      namespace === '*' ? mayRead(Namespace) : Namespace === namespace;
    const found = this.#read(url, sees);
    response.writeHead(found === undefined ? 404 : 200, {
      'x-nomad-index': this.#index,
      'x-nomad-knownleader': 'true',
    });
    response.end(found === undefined ? 'not found' : JSON.stringify(found));
  }

  #read(url: URL, sees: (thing: { readonly Namespace?: string | undefined }) => boolean): unknown {
    const registrations = [...this.#registrations.values()].filter(
      (registration) => sees(registration) && !this.hiddenServices.has(registration.ServiceName),
    );
    const [, , kind, name = '', id = '', last] = url.pathname.split('/').map(decodeURIComponent);
    if (kind === 'services') {
      const lists = new Map<string, Map<string, readonly string[]>>();
      for (const { Namespace, ServiceName, Tags } of registrations)
        lists.set(Namespace, (lists.get(Namespace) ?? new Map()).set(ServiceName, Tags));
      return [...lists].map(([Namespace, services]) => ({
        Namespace,
        Services: [...services].map(([ServiceName, Tags]) => ({ ServiceName, Tags })),
      }));
    }
    if (kind === 'service') return registrations.filter(({ ServiceName }) => ServiceName === name);
    if (kind === 'allocations') return [...this.#allocs.values()].filter(sees);
    if (kind === 'jobs')
      return [...this.#jobs.values()].filter(sees).map(({ Meta, ...job }) => ({
        ...{ ID: job.ID, Namespace: job.Namespace, ModifyIndex: job.ModifyIndex },
        ...(url.searchParams.get('meta') === 'true' && { Meta }),
      }));
    if (kind === 'client' && name === 'allocation' && last === 'checks')
      return this.#allocs.has(id) ? (this.#checks.get(id) ?? {}) : undefined;
    return undefined;
  }

  #write(
    request: IncomingMessage,
    response: ServerResponse,
    { url, body }: { readonly url: URL; readonly body: string },
  ): void {
    const namespace = url.searchParams.get('namespace') ?? 'default';
    const [, , kind, id = '', action] = url.pathname.split('/').map(decodeURIComponent);
    const alloc = this.#allocs.get(id);
    if (kind === 'jobs') this.#put((JSON.parse(body) as { readonly Job: NomadJobSpec }).Job);
    else if (kind === 'job' && request.method === 'DELETE') {
      for (const each of [...this.#allocs.values()])
        if (each.JobID === id && each.Namespace === namespace && each.DesiredStatus === 'run') this.#end(each);
      this.#change((index) => {
        const Job = { ...this.#jobs.get(`${namespace}/${id}`), ModifyIndex: index };
        this.#jobs.delete(`${namespace}/${id}`);
        return [eventOf('Job', 'JobDeregistered', namespace, { Job })];
      });
    } else if (kind === 'allocation' && action === 'stop' && alloc) {
      this.#end(alloc);
      const job = this.#jobs.get(`${alloc.Namespace}/${alloc.JobID}`);
      if (job) this.#place(job, alloc.Namespace);
    } else return void response.writeHead(404).end();
    response.end('{}');
  }

  /** developer.hashicorp.com/nomad/api-docs#blocking-queries: waits while its index is not above the given one. */
  async #block(query: URLSearchParams): Promise<void> {
    const index = Number(query.get('index') ?? 0);
    if (index === 0 || this.#index > index) return;
    const waitMs = Number.parseInt(query.get('wait') ?? '300', 10) * 1_000;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      const wake = () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
    });
  }

  /** From the index on; when that is no longer in the buffer, from the oldest that is, without a word. */
  #stream(response: ServerResponse, query: URLSearchParams): void {
    const from = Number(query.get('index') ?? 0);
    this.streamStarts.push(from);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const change of this.#changes) {
      const line = change.Index >= from ? lineOf(change, query) : undefined;
      if (line !== undefined) response.write(`${line}\n`);
    }
    const stream = { response, query };
    this.#streams.add(stream);
    response.on('close', () => this.#streams.delete(stream));
  }

  #readable(request: IncomingMessage): readonly string[] | undefined {
    const { tokens } = this.#options;
    if (tokens === undefined) return ['*'];
    const token = request.headers['x-nomad-token'];
    if (token === undefined || token === '') return [];
    return tokens[String(token)];
  }
}

function eventOf(Topic: string, Type: string, Namespace: string, Payload: object): Change['Events'][number] {
  return { Topic, Type, Namespace, Key: randomUUID(), FilterKeys: null, Payload };
}

function lineOf({ Index, Events }: Change, query: URLSearchParams): string | undefined {
  const namespace = query.get('namespace') ?? 'default';
  const topics = query.getAll('topic').map((topic) => topic.split(':')[0]);
  const seen = Events.filter(
    ({ Topic, Namespace }) =>
      (topics.length === 0 || topics.includes(Topic)) && (namespace === '*' || Namespace === namespace),
  );
  return seen.length === 0 ? undefined : JSON.stringify({ Index, Events: seen });
}
