// Gateways that take the mesh's own mutual TLS, on real Envoys: ISTIO_MUTUAL servers, AUTO_PASSTHROUGH by SNI, and the egress gateway of
// Istio's tasks "Egress Gateways" and "Egress Gateways with TLS Origination": client, gateway and destination with certificates of their own.
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigResource } from '../../events/model.ts';
import { endpointAt, httpService, resourceOf, snapshotOf } from '../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../../services/pilot/translate/context-fixture.ts';
import { translationToJson } from '../../services/pilot/translate/json.ts';
import { createMemo } from '../../services/pilot/translate/memo.ts';
import type { ProxyContext } from '../../services/pilot/translate/proxy-context.ts';
import { translate } from '../../services/pilot/translate/translate.ts';
import { startEnvoy, type TestEnvoy } from '../support/envoy.ts';
import { freePorts } from '../support/free-port.ts';
import { staticBootstrap } from '../support/static-bootstrap.ts';
import { type KeyPair, makeAuthority, type TestAuthority } from '../traffic/certificates.ts';
import { withSecretFiles, writeSecrets } from './secret-files.ts';

const spiffe = (name: string) => `spiffe://cluster.local/ns/default/sa/${name}`;
const egressHost = 'istio-egressgateway.istio-system.svc.cluster.local';
const partner = 'edition.example.com';
const names = [
  'app',
  'web',
  'webPort',
  'egressPort',
  'egress',
  'tcpPort',
  'bytes',
  'passPort',
  'pass',
  'partnerPort',
  'partnerTlsPort',
  'partnerTls',
  'wiki',
  'wikiPort',
  'wikiPassPort',
  'wikiPass',
] as const;
type PortName = (typeof names)[number];

/** Of TEST-NET-3 (RFC 5737): nobody answers there. */
const unreachable = '203.0.113.8';

/** As the tasks have it, with free ports for 80, 443 and 15443. */
function configOf(ports: Readonly<Record<PortName, number>>): readonly ConfigResource[] {
  const selector = { istio: 'egressgateway' };
  const server = (number: number, name: string, protocol: string, hosts: string[], mode: string) => ({
    port: { number, name, protocol },
    hosts,
    tls: { mode },
  });
  return [
    resourceOf('ServiceEntry', 'partner', {
      hosts: [partner],
      ports: [
        { number: ports.partnerPort, name: 'http', protocol: 'HTTP' },
        { number: ports.partnerTlsPort, name: 'https', protocol: 'HTTPS' },
      ],
      resolution: 'STATIC',
      endpoints: [{ address: '127.0.0.1', ports: { http: 1, https: ports.partnerTls } }],
    }),
    resourceOf('Gateway', 'istio-egressgateway', {
      selector,
      servers: [
        server(
          ports.egressPort,
          'https-port-for-tls-origination',
          'HTTPS',
          [partner, 'web.example.com'],
          'ISTIO_MUTUAL',
        ),
        server(ports.tcpPort, 'tls-bytes', 'TLS', ['*'], 'ISTIO_MUTUAL'),
        server(ports.passPort, 'tls', 'TLS', ['*.local'], 'AUTO_PASSTHROUGH'),
        server(ports.wikiPassPort, 'tls-wiki', 'HTTPS', ['*.wiki.example'], 'PASSTHROUGH'),
      ],
    }),
    resourceOf('DestinationRule', 'egressgateway-for-partner', {
      host: egressHost,
      subsets: [
        {
          name: 'partner',
          trafficPolicy: {
            loadBalancer: { simple: 'ROUND_ROBIN' },
            portLevelSettings: [{ port: { number: ports.egressPort }, tls: { mode: 'ISTIO_MUTUAL', sni: partner } }],
          },
        },
      ],
    }),
    resourceOf('VirtualService', 'direct-partner-through-egress-gateway', {
      hosts: [partner],
      gateways: ['istio-egressgateway', 'mesh'],
      http: [
        {
          match: [{ gateways: ['mesh'], port: ports.partnerPort }],
          route: [
            { destination: { host: egressHost, subset: 'partner', port: { number: ports.egressPort } }, weight: 100 },
          ],
        },
        {
          match: [{ gateways: ['istio-egressgateway'], port: ports.egressPort }],
          route: [{ destination: { host: partner, port: { number: ports.partnerTlsPort } }, weight: 100 }],
        },
      ],
    }),
    resourceOf('DestinationRule', 'originate-mtls-for-partner', {
      host: partner,
      trafficPolicy: {
        loadBalancer: { simple: 'ROUND_ROBIN' },
        portLevelSettings: [
          {
            port: { number: ports.partnerTlsPort },
            tls: { mode: 'MUTUAL', credentialName: 'client-credential', sni: partner },
          },
        ],
      },
    }),
    resourceOf('VirtualService', 'web', {
      hosts: ['web.example.com'],
      gateways: ['istio-egressgateway'],
      http: [{ route: [{ destination: { host: 'web', port: { number: ports.webPort } } }] }],
    }),
    resourceOf('VirtualService', 'bytes', {
      hosts: ['bytes.example.com'],
      gateways: ['istio-egressgateway'],
      tcp: [{ route: [{ destination: { host: 'app', port: { number: ports.webPort } } }] }],
    }),
    resourceOf('DestinationRule', 'web', { host: 'web', trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } }),
    resourceOf('DestinationRule', 'app', { host: 'app', trafficPolicy: { tls: { mode: 'DISABLE' } } }),
    ...wikiConfig(ports),
    farSidecar(ports),
    resourceOf('PeerAuthentication', 'default', { mtls: { mode: 'STRICT' } }),
    resourceOf('Sidecar', 'web', {
      workloadSelector: { labels: { app: 'web' } },
      ingress: [
        {
          port: { number: ports.web, protocol: 'HTTP', name: 'http' },
          bind: '127.0.0.1',
          captureMode: 'NONE',
          defaultEndpoint: `127.0.0.1:${ports.app}`,
        },
      ],
      egress: [{ hosts: ['istio-config/*'] }],
    }),
  ];
}

/** The sidecar of a client on another network calls `web` on an address of its own. */
const farAddress = '127.0.0.2';
function farSidecar(ports: Readonly<Record<PortName, number>>): ConfigResource {
  return resourceOf('Sidecar', 'far', {
    workloadSelector: { labels: { app: 'far' } },
    egress: [
      {
        port: { number: ports.webPort, protocol: 'HTTP', name: 'http' },
        bind: farAddress,
        captureMode: 'NONE',
        hosts: ['*/web.default.svc.cluster.local'],
      },
    ],
  });
}

/** The task "Egress using Wildcard Hosts": TLS of any name below one domain leaves through the gateway to the domain's own servers. */
function wikiConfig(ports: Readonly<Record<PortName, number>>): readonly ConfigResource[] {
  const sniHosts = ['*.wiki.example'];
  return [
    resourceOf('ServiceEntry', 'www-wiki', {
      hosts: ['www.wiki.example'],
      ports: [{ number: ports.wikiPort, name: 'https', protocol: 'HTTPS' }],
      resolution: 'STATIC',
      endpoints: [{ address: '127.0.0.1', ports: { https: ports.wiki } }],
    }),
    resourceOf('DestinationRule', 'egressgateway-for-wiki', { host: egressHost, subsets: [{ name: 'wiki' }] }),
    resourceOf('VirtualService', 'direct-wiki-through-egress-gateway', {
      hosts: sniHosts,
      gateways: ['mesh', 'istio-egressgateway'],
      tls: [
        {
          match: [{ gateways: ['mesh'], port: ports.wikiPort, sniHosts }],
          route: [
            { destination: { host: egressHost, subset: 'wiki', port: { number: ports.wikiPassPort } }, weight: 100 },
          ],
        },
        {
          match: [{ gateways: ['istio-egressgateway'], port: ports.wikiPassPort, sniHosts }],
          route: [{ destination: { host: 'www.wiki.example', port: { number: ports.wikiPort } }, weight: 100 }],
        },
      ],
    }),
  ];
}

describe('gateways inside the mesh', () => {
  const envoys: TestEnvoy[] = [];
  const servers: (http.Server | https.Server)[] = [];
  const folders: string[] = [];
  let ports: Readonly<Record<PortName, number>>;
  let ca: TestAuthority;
  let caller: KeyPair;
  let stranger: KeyPair;

  beforeAll(async () => {
    const numbers = await freePorts(names.length);
    ports = Object.fromEntries(names.map((name, index) => [name, numbers[index] ?? 0])) as Record<PortName, number>;
    ca = await makeAuthority('mesh');
    const outside = await makeAuthority('outside');
    caller = await ca.issue('caller', [spiffe('caller')]);
    stranger = await (await makeAuthority('foreign')).issue('caller', [spiffe('caller')]);
    await startServers(outside);
    const credential = await outside.issue('client of the gateway', ['client.example.com']);
    const network = 'there';
    const web = { name: 'web', labels: { app: 'web' }, addresses: ['10.0.0.8'], network };
    const client = { name: 'client', labels: { app: 'client' }, addresses: ['10.0.0.9'], network };
    const gateway = {
      name: 'egress',
      labels: { istio: 'egressgateway' },
      addresses: ['127.0.0.1'],
      namespace: 'istio-system',
      type: 'router',
      network,
    } as const;
    const far = { name: 'far', labels: { app: 'far' }, addresses: ['10.1.0.9'], network: 'here' };
    for (const { name, ...context } of [web, client, gateway, far])
      envoys.push(await startProxy(name, context, { credential, outside: outside.certificate }));
  });
  afterAll(async () => {
    await Promise.all(envoys.map((envoy) => envoy.stop()));
    for (const server of servers) server.close();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  /** The application behind `web`, and the partner, who asks for a client's certificate. */
  async function startServers(outside: TestAuthority): Promise<void> {
    const pair = await outside.issue('partner', [partner]);
    const app = http.createServer((request, response) =>
      response.end(`app ${String(request.headers['x-forwarded-client-cert'])}`),
    );
    const trust = { ca: outside.certificate, requestCert: true, rejectUnauthorized: true };
    const remote = https.createServer({ cert: pair.certificate, key: pair.key, ...trust }, (request, response) => {
      const { subject } = (request.socket as tls.TLSSocket).getPeerCertificate();
      response.end(`partner ${(request.socket as tls.TLSSocket).getProtocol()} ${subject.CN} ${request.headers.host}`);
    });
    const wikiPair = await outside.issue('wiki', ['*.wiki.example']);
    const wiki = https.createServer({ cert: wikiPair.certificate, key: wikiPair.key }, (request, response) =>
      response.end(`wiki ${String((request.socket as tls.TLSSocket & { servername?: string }).servername)}`),
    );
    servers.push(app, remote, wiki);
    await new Promise<void>((resolve) => wiki.listen(ports.wiki, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => app.listen(ports.app, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => remote.listen(ports.partnerTls, '127.0.0.1', resolve));
  }

  async function startProxy(
    name: string,
    context: Partial<ProxyContext>,
    trust: { readonly credential: KeyPair; readonly outside: string },
  ): Promise<TestEnvoy> {
    const folder = mkdtempSync(join(tmpdir(), 'periplus-gateways-'));
    folders.push(folder);
    const port = (portName: string, number: number, target: number) => ({
      ports: [{ name: portName, port: number, protocol: 'HTTP' as const, targetPort: target }],
    });
    const web = httpService('web', port('http', ports.webPort, ports.web));
    const app = httpService('app', port('http', ports.webPort, ports.app));
    const egress = httpService('istio-egressgateway', {
      namespace: 'istio-system',
      ports: [
        { name: 'https', port: ports.egressPort, protocol: 'HTTP', targetPort: ports.egress },
        { name: 'tls', port: ports.tcpPort, protocol: 'TLS', targetPort: ports.bytes },
        { name: 'pass', port: ports.passPort, protocol: 'TLS', targetPort: ports.pass },
        { name: 'wiki', port: ports.wikiPassPort, protocol: 'TLS', targetPort: ports.wikiPass },
      ],
    });
    const endpoints = [
      endpointAt(web, context.network === 'there' ? '127.0.0.1' : unreachable, {
        ports: { http: ports.web },
        labels: { 'security.istio.io/tlsMode': 'istio' },
        network: 'there',
      }),
      endpointAt(app, '127.0.0.1', { ports: { http: ports.app } }),
      endpointAt(egress, '127.0.0.1', {
        ports: { https: ports.egress, tls: ports.bytes, pass: ports.pass, wiki: ports.wikiPass },
      }),
    ];
    const eastWest = httpService('istio-eastwestgateway', {
      namespace: 'istio-system',
      ports: [{ name: 'tls', port: ports.pass, protocol: 'TLS' }],
      labels: { 'topology.istio.io/network': 'there', 'networking.istio.io/gatewayPort': String(ports.pass) },
      externalAddresses: ['127.0.0.1'],
      // Sidecars without interception would listen on its port, which is the gateway's here.
      exportTo: ['~'],
    });
    const services = [web, app, egress, eastWest];
    const snapshot = snapshotOf({ services, endpoints, config: configOf(ports) });
    const resources = translationToJson(
      translate(snapshot, sidecarContext({ interceptionMode: 'NONE', identity: 'SDS', ...context }), createMemo()),
    );
    const own = await ca.issue(name, [spiffe(name)]);
    const secrets = writeSecrets(folder, own, ca.certificate);
    const credential = writeSecrets(mkdtempSync(join(folder, 'credential-')), trust.credential, trust.outside, {
      default: 'kubernetes://client-credential',
      ROOTCA: 'kubernetes://client-credential-cacert',
    });
    return startEnvoy({
      ...(withSecretFiles(staticBootstrap(resources, folder), { ...secrets, ...credential }) as object),
      admin: { address: { socketAddress: { address: '127.0.0.1', portValue: 0 } } },
    });
  }

  /** What comes back over TLS with a certificate of the mesh, '' where the connection ends before. */
  function ask(port: number, options: tls.ConnectionOptions, host = 'web.example.com'): Promise<string> {
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      ca: ca.certificate,
      checkServerIdentity: () => undefined,
      ...options,
    });
    return answerOf(socket, host);
  }
  function answerOf(socket: net.Socket, host: string): Promise<string> {
    return new Promise((resolve) => {
      let text = '';
      socket.on('data', (chunk) => (text += chunk)).on('error', () => {});
      socket.on('close', () => resolve(text));
      socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    });
  }
  const keys = ({ certificate, key }: KeyPair) => ({ cert: certificate, key });

  it('ISTIO_MUTUAL takes workloads of the mesh, and calls the destination as itself', async () => {
    const text = await ask(ports.egress, { ...keys(caller), servername: 'web.example.com' });
    expect(text).toMatch(/^HTTP\/1\.1 200/);
    // The gateway says who its caller is, the sidecar who the gateway is.
    expect(text).toContain(`URI=${spiffe('caller')}`);
    expect(text).toContain(`URI=${spiffe('egress')}`);
  });

  it('ISTIO_MUTUAL refuses strangers and clients without a certificate', async () => {
    expect(await ask(ports.egress, { servername: 'web.example.com' })).toBe('');
    expect(await ask(ports.egress, { ...keys(stranger), servername: 'web.example.com' })).toBe('');
    expect(await answerOf(net.connect(ports.egress, '127.0.0.1'), 'web.example.com')).toBe('');
  });

  it('ISTIO_MUTUAL in front of bytes', async () => {
    expect(await ask(ports.bytes, { ...keys(caller), servername: 'any.example.com' })).toMatch(/^HTTP\/1\.1 200/);
    expect(await ask(ports.bytes, { ...keys(stranger), servername: 'any.example.com' })).toBe('');
  });

  it('a client on another network reaches a workload by that network’s gateway alone, with its own identity', async () => {
    const text = await answerOf(net.connect(ports.webPort, farAddress), 'web.default.svc.cluster.local');
    expect(text).toMatch(/^HTTP\/1\.1 200/);
    expect(text).toContain(`By=${spiffe('web')}`);
    expect(text).toContain(`URI=${spiffe('far')}`);
  });

  it('AUTO_PASSTHROUGH: the SNI names the cluster, mutual TLS ends at the destination', async () => {
    const servername = `outbound_.${ports.webPort}_._.web.default.svc.cluster.local`;
    const through = (options: tls.ConnectionOptions) =>
      ask(ports.pass, { ALPNProtocols: ['istio'], ...options }, 'web');
    const text = await through({ ...keys(caller), servername });
    expect(text).toMatch(/^HTTP\/1\.1 200/);
    expect(text).toContain(`By=${spiffe('web')}`);
    expect(text).toContain(`URI=${spiffe('caller')}`);
    expect(await through({ ...keys(stranger), servername }), 'a stranger').toBe('');
    expect(await through({ ...keys(caller), servername: 'web.default.svc.cluster.local' }), 'no cluster').toBe('');
    expect(await through({ ...keys(caller), servername, ALPNProtocols: ['http/1.1'] }), 'not the mesh’s TLS').toBe('');
  });

  it('egress by SNI: TLS of a wildcard’s names passes through the gateway to the destination', async () => {
    for (const servername of ['en.wiki.example', 'de.wiki.example']) {
      const text = await ask(ports.wikiPort, { servername, rejectUnauthorized: false }, servername);
      expect(text).toMatch(/^HTTP\/1\.1 200/);
      expect(text).toContain(`wiki ${servername}`);
    }
    // The gateway itself was asked: its port speaks the destination's TLS.
    expect(await ask(ports.wikiPass, { servername: 'fr.wiki.example', rejectUnauthorized: false })).toContain(
      'wiki fr',
    );
  });

  it('egress with TLS origination: the client’s plain HTTP leaves the mesh over the gateway’s mutual TLS', async () => {
    const text = await answerOf(net.connect(ports.partnerPort, '127.0.0.1'), partner);
    expect(text).toMatch(/^HTTP\/1\.1 200/);
    expect(text).toContain(`partner TLSv1.3 client of the gateway ${partner}`);
  });
});
