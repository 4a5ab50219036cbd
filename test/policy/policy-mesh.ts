// A mesh for policy tests: Pilot and Mixer on a log in memory, real Envoys as sidecars before one app that answers with what it got.
import http from 'node:http';
import type { EventLog } from '../../events/event-log.ts';
import { MemoryLog } from '../../events/logs/memory.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import type { Service } from '../../lib/service.ts';
import { defaultMeshConfig } from '../../mesh/config/mesh-config.ts';
import { parseDocuments } from '../../mesh/config/parse.ts';
import { formatProblem } from '../../mesh/config/problem.ts';
import { validateObjects } from '../../mesh/config/validate.ts';
import { configApplied, configDeleted, resourceOf } from '../../mesh/snapshot-fixture.ts';
import { createMixer, type Mixer } from '../../services/mixer/mixer.ts';
import { Pilot } from '../../services/pilot/pilot.ts';
import { startEnvoy, type TestEnvoy } from '../support/envoy.ts';
import { freePorts } from '../support/free-port.ts';
import { waitFor } from '../support/wait-for.ts';

/** An answer as a client sees it; `seen`: the headers that the app got. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly seen: Readonly<Record<string, string>>;
}

/** One sidecar. */
export interface Sidecar {
  readonly envoy: TestEnvoy;
  readonly port: number;
  send(
    path: string,
    options?: { readonly method?: string; readonly headers?: http.OutgoingHttpHeaders },
  ): Promise<Answer>;
  /** A statistic of Envoy's. */
  stat(name: RegExp): Promise<number>;
}

/** See the file's first line. */
export class PolicyMesh {
  readonly facts: EventLog;
  readonly #stops: (() => unknown)[] = [];
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  #app: http.Server | undefined;
  #appPort = 0;
  #xdsPort = 0;
  #pilot: Pilot | undefined;
  mixer: Mixer | undefined;

  /** `facts`: a log that others share; absent: one in memory. */
  constructor(facts: EventLog = new MemoryLog()) {
    this.facts = facts;
  }

  async start(options: { readonly mixer?: boolean } = {}): Promise<void> {
    const [appPort = 0, xdsPort = 0] = await freePorts(2);
    [this.#appPort, this.#xdsPort] = [appPort, xdsPort];
    this.#app = http.createServer((request, response) => response.end(JSON.stringify(request.headers)));
    // By default it closes a connection after 5 s, perhaps while Envoy sends on it.
    this.#app.keepAliveTimeout = 300_000;
    await new Promise<void>((resolve) => this.#app?.listen(appPort, '127.0.0.1', resolve));
    const deliveries = new MemoryLog();
    const means = { facts: this.facts, clock: systemClock, logger: silentLogger };
    const xds = { host: '127.0.0.1', port: xdsPort };
    this.#pilot = new Pilot({ ...means, deliveries, name: 'pilot', xds });
    this.run(this.#pilot);
    await waitFor(() => this.#pilot?.ready() === true, { what: 'Pilot' });
    if (options.mixer !== false) await this.startMixer();
  }

  /** Starts a Mixer; `stop` takes it out of the registry, `kill` does not. */
  async startMixer(): Promise<{ readonly stop: () => Promise<void>; readonly kill: () => Promise<void> }> {
    const [port = 0] = await freePorts(1);
    const config = { port, address: '127.0.0.1' };
    const mixer = createMixer({
      ...{ config, facts: this.facts, host: '127.0.0.1', name: 'mixer' },
      ...{ clock: systemClock, logger: silentLogger, mesh: defaultMeshConfig },
    });
    this.mixer = mixer;
    const kill = this.run(...mixer.services);
    const leave = this.run(mixer.registration);
    await waitFor(() => mixer.ready(), { what: 'Mixer' });
    return {
      kill,
      stop: async () => {
        await leave();
        await kill();
      },
    };
  }

  /** Runs services until the mesh stops or the result is called. */
  run(...services: readonly Service[]): () => Promise<void> {
    const stop = new AbortController();
    const running = Promise.all(services.map((service) => service.run(stop.signal)));
    const end = async () => {
      stop.abort();
      await running;
    };
    this.#stops.push(end);
    return end;
  }

  /** Applies YAML as `periplus apply` would: refused where validation finds errors. */
  async apply(yaml: string): Promise<void> {
    const { objects, problems } = parseDocuments(yaml);
    const errors = [...problems, ...validateObjects(objects)].filter(({ severity }) => severity === 'error');
    if (errors.length > 0) throw new Error(errors.map(formatProblem).join('\n'));
    const resources = objects.flatMap((object) => (object.type === 'config' ? [object.resource] : []));
    await this.#append(...resources.map(configApplied));
  }

  async delete(kind: string, name: string, namespace = 'default'): Promise<void> {
    await this.#append(configDeleted({ ...resourceOf(kind, name, {}), namespace }));
  }

  /** Starts a sidecar for a workload with these labels; waits until it serves. */
  async sidecar(
    name: string,
    labels: Readonly<Record<string, string>>,
    protocol: 'HTTP' | 'TCP' = 'HTTP',
  ): Promise<Sidecar> {
    const [port = 0] = await freePorts(1);
    const ingress = [
      {
        port: { number: port, protocol, name: protocol.toLowerCase() },
        bind: '127.0.0.1',
        captureMode: 'NONE',
        defaultEndpoint: `127.0.0.1:${this.#appPort}`,
      },
    ];
    await this.#append(
      configApplied(
        resourceOf('Sidecar', name, { workloadSelector: { labels }, ingress, egress: [{ hosts: ['~/*'] }] }),
      ),
    );
    const envoy = await startEnvoy(bootstrap(name, labels, this.#xdsPort));
    this.#stops.push(() => envoy.stop());
    const send = (
      path: string,
      options: { readonly method?: string; readonly headers?: http.OutgoingHttpHeaders } = {},
    ) => ask({ port, path, agent: this.#agent, ...options });
    const sidecar: Sidecar = {
      ...{ envoy, port, send },
      stat: async (wanted) => {
        const text = await (await fetch(`http://127.0.0.1:${envoy.adminPort}/stats`)).text();
        const line = text.split('\n').find((one) => wanted.test(one));
        return line === undefined ? 0 : Number(line.split(': ')[1]);
      },
    };
    await waitFor(async () => (await send('/').catch(() => undefined))?.status !== undefined, {
      what: () => `the sidecar ${name}:\n${envoy.output()}`,
      limitMs: 30_000,
    });
    return sidecar;
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
    this.#agent.destroy();
    this.#app?.closeAllConnections();
    this.#app?.close();
  }

  #appended = 0;
  async #append(...bare: readonly ReturnType<typeof configApplied>[]): Promise<void> {
    const common = () => ({
      id: `policy-test-${++this.#appended}`,
      ...{ source: '/test', time: new Date().toISOString(), actor: 'user:test', causes: [] },
    });
    await this.facts.append(bare.map((fact) => ({ event: { ...fact, ...common() } })));
  }
}

function ask(options: http.RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', ...options }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        const seen = status === 200 ? (JSON.parse(body) as Record<string, string>) : {};
        resolve({ status, headers: response.headers, body, seen });
      });
    });
    request.on('error', reject);
    request.end();
  });
}

function bootstrap(name: string, labels: Readonly<Record<string, string>>, xdsPort: number) {
  const http2 = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  };
  const address = { socket_address: { address: '127.0.0.1', port_value: xdsPort } };
  const ads = { ads: {}, resource_api_version: 'V3' };
  const grpc_services = [{ envoy_grpc: { cluster_name: 'xds' } }];
  return {
    node: {
      id: `sidecar~10.9.9.9~${name}.default~default.svc.cluster.local`,
      cluster: name,
      metadata: { INTERCEPTION_MODE: 'NONE', NAMESPACE: 'default', LABELS: labels },
    },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    dynamic_resources: {
      ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services },
      lds_config: ads,
      cds_config: ads,
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
          load_assignment: { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
        },
      ],
    },
  };
}
