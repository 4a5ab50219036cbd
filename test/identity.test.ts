// Identity with real parts: Citadel signs, agents' SDS gives certificates to two Envoys, which speak mutual TLS through renewals.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IdentityKeeper } from '../agent/identity/identity-keeper.ts';
import { SdsServer } from '../agent/identity/sds-server.ts';
import { MemoryLog } from '../events/logs/memory.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { controlPlaneId, formatSpiffeId } from '../mesh/spiffe-id.ts';
import { createJoinToken, createJoinTokenAttestor } from '../services/citadel/attest/join-token.ts';
import { createX509Attestor } from '../services/citadel/attest/x509-pop.ts';
import { CertificateAuthority } from '../services/citadel/ca/certificate-authority.ts';
import { CsrServer } from '../services/citadel/csr/csr-server.ts';
import { FileKeyStore } from '../services/citadel/keys/file-key-store.ts';
import { freePort, startEnvoy, type TestEnvoy } from './support/envoy.ts';
import { waitFor } from './support/wait-for.ts';

const trustDomain = 'cluster.local';
const uriOf = (serviceAccount: string) => formatSpiffeId({ trustDomain, namespace: 'shop', serviceAccount });
/** Short, so that renewals happen while the test watches. */
const lifeSeconds = 10;
const tls = (message: string) => `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${message}`;
const filter = (name: string) => `type.googleapis.com/envoy.extensions.filters.${name}`;
const http2Options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** The agent's SDS over its socket, as the agent's bootstrap names it. */
const sdsCluster = (socket: string) => ({
  name: 'sds-grpc',
  type: 'STATIC',
  typed_extension_protocol_options: {
    [http2Options]: {
      '@type': `type.googleapis.com/${http2Options}`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
  load_assignment: {
    cluster_name: 'sds-grpc',
    endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socket } } } }] }],
  },
});
const secret = (name: string, apiType: string) => ({
  name,
  sds_config: {
    resource_api_version: 'V3',
    api_config_source: {
      api_type: apiType,
      transport_api_version: 'V3',
      grpc_services: [{ envoy_grpc: { cluster_name: 'sds-grpc' } }],
    },
  },
});
/** Certificates from SDS, and peers that have to be `peer`. */
const commonTls = (peer: string, apiType: string) => ({
  tls_certificate_sds_secret_configs: [secret('default', apiType)],
  combined_validation_context: {
    default_validation_context: {
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: uriOf(peer) } }],
    },
    validation_context_sds_secret_config: secret('ROOTCA', apiType),
  },
});
const connectionManager = (route: object) => ({
  name: 'hcm',
  typed_config: {
    '@type': `${filter('network')}.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'test',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }] },
    http_filters: [{ name: 'router', typed_config: { '@type': `${filter('http')}.router.v3.Router` } }],
  },
});
const socketAddress = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
const common = (name: string) => ({
  node: { id: name, cluster: name },
  admin: { address: socketAddress(0) },
});

/** Answers everything with the name that the caller proved. */
const serverBootstrap = (port: number, socket: string) => ({
  ...common('server'),
  static_resources: {
    clusters: [sdsCluster(socket)],
    listeners: [
      {
        address: socketAddress(port),
        filter_chains: [
          {
            transport_socket: {
              name: 'tls',
              typed_config: {
                '@type': tls('DownstreamTlsContext'),
                require_client_certificate: true,
                common_tls_context: commonTls('client', 'GRPC'),
              },
            },
            filters: [
              connectionManager({
                direct_response: { status: 200 },
                response_headers_to_add: [{ header: { key: 'x-peer', value: '%DOWNSTREAM_PEER_URI_SAN%' } }],
              }),
            ],
          },
        ],
      },
    ],
  },
});

/** Forwards plaintext to the server over mutual TLS, each request on a connection of its own. */
const clientBootstrap = (options: { port: number; server: number; socket: string; peer: string }) => ({
  ...common('client'),
  static_resources: {
    clusters: [
      sdsCluster(options.socket),
      {
        name: 'server',
        type: 'STATIC',
        typed_extension_protocol_options: {
          [http2Options]: {
            '@type': `type.googleapis.com/${http2Options}`,
            common_http_protocol_options: { max_requests_per_connection: 1 },
            explicit_http_config: { http_protocol_options: {} },
          },
        },
        load_assignment: {
          cluster_name: 'server',
          endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(options.server) } }] }],
        },
        transport_socket: {
          name: 'tls',
          typed_config: {
            '@type': tls('UpstreamTlsContext'),
            common_tls_context: commonTls(options.peer, 'DELTA_GRPC'),
          },
        },
      },
    ],
    listeners: [
      {
        address: socketAddress(options.port),
        filter_chains: [{ filters: [connectionManager({ route: { cluster: 'server' } })] }],
      },
    ],
  },
});

describe('workload identities on real Envoys', () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-id-'));
  const stop = new AbortController();
  const stopCitadel = new AbortController();
  const ended: Promise<unknown>[] = [];
  const envoys: TestEnvoy[] = [];
  const facts = new MemoryLog();
  const means = { facts, clock: systemClock, source: '/citadel/test', trustDomain };
  const ca = new CertificateAuthority({
    ...means,
    keys: new FileKeyStore({ folder: join(folder, 'keys') }),
    logger: silentLogger,
    name: 'test',
  });
  let citadelPort = 0;
  const ports = { server: 0, client: 0 };

  async function startAgent(name: string) {
    const id = { trustDomain, namespace: 'shop', serviceAccount: name };
    const { token } = await createJoinToken(means, { id, actor: 'user:test' });
    const keeper = new IdentityKeeper({
      folder: join(folder, name),
      citadelAddresses: [`localhost:${citadelPort}`],
      citadelId: formatSpiffeId(controlPlaneId(trustDomain, 'citadel')),
      roots: async () => ca.bundle.value?.roots.join('') ?? '',
      token: async () => token,
      expected: formatSpiffeId(id),
      lifeSeconds,
      clock: systemClock,
      logger: silentLogger,
      random: Math.random,
    });
    const socket = join(folder, `${name}.sock`);
    const sds = new SdsServer({ socket, svid: keeper.svid, logger: silentLogger });
    ended.push(keeper.run(stop.signal), sds.run(stop.signal));
    return { keeper, socket };
  }

  async function call(port = ports.client): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5_000) }).catch(String);
    if (typeof response === 'string') return response;
    return response.status === 200 ? (response.headers.get('x-peer') ?? 'no name') : `status ${response.status}`;
  }

  /** The server's certificate as any client sees it; this one shows none and gets no further. */
  function strangersView(): Promise<{ names: string; serial: string; refused: boolean }> {
    return new Promise((resolve) => {
      let [names, serial] = ['', ''];
      const socket = connect({ port: ports.server, host: '127.0.0.1', rejectUnauthorized: false });
      const done = (refused: boolean) => resolve({ names, serial, refused });
      socket.on('error', () => done(true));
      socket.on('close', () => done(true));
      socket.on('data', () => done(false));
      socket.on('secureConnect', () => {
        const certificate = socket.getPeerCertificate();
        [names, serial] = [certificate.subjectaltname ?? '', certificate.serialNumber];
        socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      });
    });
  }

  beforeAll(async () => {
    const attestors = [createJoinTokenAttestor(means), createX509Attestor({ trustDomain, clock: systemClock })];
    const options = { ca, trustDomain, attestors, facts, host: '127.0.0.1', port: 0, name: 'test' };
    const citadel = new CsrServer({ ...options, clock: systemClock, logger: silentLogger });
    ended.push(citadel.run(stopCitadel.signal));
    await waitFor(() => (citadelPort = citadel.port.value ?? 0) > 0, { what: 'Citadel' });
    const [server, client] = [await startAgent('server'), await startAgent('client')];
    Object.assign(ports, { server: await freePort(), client: await freePort() });
    envoys.push(await startEnvoy(serverBootstrap(ports.server, server.socket)));
    const { socket } = client;
    envoys.push(
      await startEnvoy(clientBootstrap({ port: ports.client, server: ports.server, socket, peer: 'server' })),
    );
    await waitFor(async () => (await call()) === uriOf('client'), { what: 'mutual TLS' });
  });
  afterAll(async () => {
    stop.abort();
    stopCitadel.abort();
    for (const envoy of envoys) await envoy.stop();
    await Promise.all(ended);
    rmSync(folder, { recursive: true, force: true });
  });

  it('lets each side know who the other is', async () => {
    expect(await call()).toBe(uriOf('client'));
    expect((await strangersView()).names).toBe(`URI:${uriOf('server')}`);
  });

  it('turns away who has no certificate, and a server that is not the one meant', async () => {
    expect((await strangersView()).refused).toBe(true);
    const port = await freePort();
    const socket = join(folder, 'client.sock');
    envoys.push(await startEnvoy(clientBootstrap({ port, server: ports.server, socket, peer: 'other' })));
    await waitFor(async () => (await call(port)).startsWith('status'), { what: 'the third Envoy' });
    expect(await call(port)).toBe('status 503');
  });

  it('renews certificates by the SVIDs themselves without a failed request', async () => {
    const { serial } = await strangersView();
    const answers = new Set<string>();
    const issued = async () => {
      const evidence: string[] = [];
      const types = ['io.periplus.identity.certificate-issued'];
      for await (const { data, subject } of facts.read({ types }))
        evidence.push(`${subject} ${Object(data).evidence.kind}`);
      return evidence;
    };
    const renewed = async () => {
      answers.add(await call());
      const seen = await issued();
      return ['server', 'client'].every((name) => seen.includes(`identity/${uriOf(name)} x509`));
    };
    await waitFor(renewed, { what: 'renewals', limitMs: 30_000 });
    await waitFor(async () => (await strangersView()).serial !== serial, { what: 'a new certificate in Envoy' });
    answers.add(await call());
    expect([...answers]).toEqual([uriOf('client')]);
  });

  it('goes on while Citadel is away, for as long as certificates last', async () => {
    stopCitadel.abort();
    const untilMs = Date.now() + 3_000;
    const answers = new Set<string>();
    while (Date.now() < untilMs) answers.add(await call());
    expect([...answers]).toEqual([uriOf('client')]);
  });
});
