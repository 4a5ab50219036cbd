// What the mesh of traffic cases is made of: echo servers, their registration, ports, the control plane in this process.
import { createFileCredentials } from '../../adapters/files/credentials.ts';
import type { ProxyIdentity } from '../../agent/proxy-node.ts';
import { openMemoryLogs } from '../../events/logs/memory.ts';
import type { ServicePort } from '../../events/model.ts';
import { systemClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { defaultMeshConfig } from '../../mesh/config/mesh-config.ts';
import { type BareFact, endpointRegistered, httpService, serviceRegistered } from '../../mesh/snapshot-fixture.ts';
import { createAdminApp } from '../../services/pilot/admin/app.ts';
import { createDeliveriesWatch } from '../../services/pilot/admin/deliveries-watch.ts';
import { progressOfStreams } from '../../services/pilot/admin/stream-progress.ts';
import { Pilot } from '../../services/pilot/pilot.ts';
import { waitFor } from '../support/wait-for.ts';
import type { InstanceName, Ports } from './case.ts';
import type { TestCertificates } from './certificates.ts';
import { type EchoServer, type Journal, startEchoServer } from './echo-server.ts';
import { gatewaySelector } from './resources.ts';

/** The proxy whose application sends the requests. */
export const sidecarIdentity: ProxyIdentity = {
  addresses: ['127.77.0.1'],
  name: 'client-v7',
  namespace: 'default',
  labels: { app: 'client', version: 'v7' },
  metadata: { ISTIO_VERSION: '1.28.0', TEAM: 'blue', ENABLE_SELF_DISCOVERY: 'true' },
  locality: 'region1/zone1/a',
};
/** The proxy that outsiders send to. */
export const gatewayIdentity: ProxyIdentity = {
  type: 'router',
  addresses: ['127.77.0.2'],
  name: 'gateway',
  namespace: 'istio-system',
  // The last as proxies of the Gateway API's Gateway `edge` have it.
  labels: { ...gatewaySelector, app: 'gateway', 'gateway.networking.k8s.io/gateway-name': 'edge' },
  locality: 'region1/zone1/a',
};

/** Starts every instance. */
export async function startServers(journal: Journal, certificates: TestCertificates) {
  const { server: certificate, ca } = certificates;
  const start = (name: string, version: string, address: string) =>
    startEchoServer({ name, version, address, journal, certificate, ca });
  const [e1, e2, e3, o1, s1, app] = await Promise.all([
    start('e1', 'v1', '127.66.0.1'),
    start('e2', 'v2', '127.66.0.2'),
    start('e3', 'v3', '127.66.0.3'),
    start('o1', 'v1', '127.66.0.4'),
    start('s1', 'v1', '127.66.0.5'),
    start('app', 'v7', '127.0.0.1'),
  ]);
  return { e1, e2, e3, o1, s1, app };
}

/** 16 free ports by what they are for. */
export function portsOf(numbers: readonly number[]): Ports {
  const [http = 0, alt = 0, http2 = 0, grpc = 0, tcp = 0, tls = 0, originate = 0, auto = 0, gatewayPort = 0] = numbers;
  const [client = 0, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = numbers.slice(9);
  return { http, alt, http2, grpc, tcp, tls, originate, auto, client, gateway: gatewayPort, spare: [a, b, c, d, e, f] };
}

/** The services as a platform would register them. */
export function meshFacts(servers: Readonly<Record<InstanceName, EchoServer>>, ports: Ports): BareFact[] {
  const http: ServicePort = { name: 'http', port: ports.http, protocol: 'HTTP' };
  const echo = httpService('echo', {
    ports: [
      http,
      { name: 'http-alt', port: ports.alt, protocol: 'HTTP' },
      { name: 'http2', port: ports.http2, protocol: 'HTTP2' },
      { name: 'grpc', port: ports.grpc, protocol: 'GRPC' },
      { name: 'tcp', port: ports.tcp, protocol: 'TCP' },
      { name: 'tls', port: ports.tls, protocol: 'TLS' },
      { name: 'http-originate', port: ports.originate, protocol: 'HTTP' },
      { name: 'auto', port: ports.auto, protocol: 'Unsupported' },
    ],
  });
  const services = [
    { service: echo, instances: [servers.e1, servers.e2, servers.e3] },
    { service: httpService('other', { ports: [http] }), instances: [servers.o1] },
    { service: httpService('echo', { namespace: 'shop', ports: [http] }), instances: [servers.s1] },
  ];
  const own = httpService('client', {
    ports: [{ name: 'http', port: ports.client, protocol: 'HTTP', targetPort: servers.app.port }],
  });
  // Told of by two clusters, of which the first is the proxies'.
  const shared = httpService('shared', { ports: [http] });
  const ofCluster = (server: EchoServer, clusterId: string) =>
    endpointRegistered({ ...endpointOf(shared, server), clusterId });
  return [
    serviceRegistered(shared),
    ofCluster(servers.e1, 'Kubernetes'),
    ofCluster(servers.e2, 'far'),
    ...services.flatMap(({ service, instances }) => [
      serviceRegistered(service),
      ...instances.map((server) => endpointRegistered(endpointOf(service, server))),
    ]),
    serviceRegistered(own),
    endpointRegistered({
      ...endpointOf(own, servers.app),
      address: sidecarIdentity.addresses[0],
      ports: { http: servers.app.port },
      labels: sidecarIdentity.labels,
    }),
  ];
}

function endpointOf(service: ReturnType<typeof httpService>, server: EchoServer) {
  const { hostname, namespace, platform } = service;
  const usesTls = (name: string) => name === 'tls' || name === 'http-originate';
  return {
    id: server.name,
    hostname,
    namespace,
    platform,
    address: server.address,
    ports: Object.fromEntries(service.ports.map(({ name }) => [name, usesTls(name) ? server.tlsPort : server.port])),
    labels: { app: service.name, version: server.version },
    health: 'healthy' as const,
  };
}

/** Pilot and its admin API, with `facts` in the log; resolves when they are served. */
export async function startControlPlane(
  facts: readonly BareFact[],
  {
    credentials,
    host = '127.0.0.1',
    gatewayDrainMs,
  }: { readonly credentials?: string; readonly host?: string; readonly gatewayDrainMs?: number },
) {
  const logs = openMemoryLogs();
  const clock = systemClock;
  const logger = silentLogger;
  const time = new Date().toISOString();
  const events = facts.map((fact, index) => ({
    event: { ...fact, id: `fact-${index}`, source: '/test', time, actor: 'user:test', causes: [] },
  }));
  await logs.facts.append(events);
  const pilot = new Pilot({
    ...logs,
    clock,
    logger,
    name: 'traffic',
    xds: { host, port: 0 },
    // Istio's ten seconds are long for a test.
    registrationGraceMs: 300,
    environment: { COLLECTOR_KEY: 'of the environment', PERIPLUS_TOKEN: 'a secret' },
    ...(gatewayDrainMs !== undefined && { gatewayDrainMs }),
    ...(credentials !== undefined && { credentials: [createFileCredentials({ folder: credentials })] }),
  });
  const deliveries = createDeliveriesWatch(logs.deliveries);
  const stop = new AbortController();
  const running = [pilot.run(stop.signal), deliveries.run(stop.signal)];
  const app = await createAdminApp({
    logs,
    snapshots: pilot.snapshots,
    deliveries,
    progress: () => progressOfStreams(pilot.streams, pilot),
    mesh: defaultMeshConfig,
    readiness: () => [],
    moreMetrics: () => '',
    clock,
    logger,
    version: 'test',
    signal: stop.signal,
  });
  await waitFor(() => pilot.ready(), { what: 'Pilot', everyMs: 5 });
  return {
    logs,
    pilot,
    deliveries,
    app,
    stop: async () => {
      stop.abort();
      await app.close();
      await Promise.all(running);
    },
  };
}
