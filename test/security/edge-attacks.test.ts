// What clients claim at a real gateway: identities in headers, and names in TLS that nobody showed to them. A twin without the guard shows the attack.
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resourceOf, snapshotOf } from '../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../../services/pilot/translate/context-fixture.ts';
import { translationToJson } from '../../services/pilot/translate/json.ts';
import { createMemo } from '../../services/pilot/translate/memo.ts';
import { translate } from '../../services/pilot/translate/translate.ts';
import { startEnvoy, type TestEnvoy } from '../support/envoy.ts';
import { freePorts } from '../support/free-port.ts';
import { staticBootstrap } from '../support/static-bootstrap.ts';
import { type KeyPair, makeAuthority } from '../traffic/certificates.ts';

/** Headers with which a client would pass for somebody else, or command a proxy. */
const forged: Readonly<Record<string, string>> = {
  'x-forwarded-client-cert': 'By=x;URI=spiffe://cluster.local/ns/default/sa/admin',
  'x-envoy-internal': 'true',
  'x-envoy-external-address': '10.0.0.1',
  'x-envoy-max-retries': '1000',
  'x-envoy-retry-on': '5xx',
  'x-envoy-upstream-rq-timeout-ms': '1',
  'x-envoy-upstream-rq-timeout-alt-response': '1',
  'x-envoy-upstream-alt-stat-name': 'forged',
  'x-envoy-force-trace': '1',
  'x-envoy-ip-tags': 'trusted',
  'x-envoy-original-url': 'http://x/',
  'x-envoy-hedge-on-per-try-timeout': 'true',
};

describe('at the edge', () => {
  let folder: string;
  let app: http.Server;
  let secure: tls.Server;
  const envoys: TestEnvoy[] = [];
  const ports = { http: 0, tls: 0, unguardedHttp: 0, unguardedTls: 0, app: 0, secure: 0 };
  let pair: KeyPair;

  /** A gateway; `open` shows every service to everybody and believes headers. */
  async function gateway(httpPort: number, tlsPort: number, open: boolean): Promise<void> {
    const passes = (name: string, exportTo: readonly string[]) => [
      resourceOf(
        'ServiceEntry',
        name,
        {
          hosts: [`${name}.example`],
          exportTo: [...exportTo],
          ports: [{ number: 443, name: 'tls', protocol: 'TLS' }],
          resolution: 'STATIC',
          endpoints: [{ address: '127.0.0.1', ports: { tls: ports.secure } }],
        },
        { namespace: name },
      ),
      resourceOf(
        'VirtualService',
        name,
        {
          hosts: [`${name}.example`],
          exportTo: [...exportTo],
          gateways: ['default/edge'],
          tls: [
            {
              match: [{ port: tlsPort, sniHosts: [`${name}.example`] }],
              route: [{ destination: { host: `${name}.example`, port: { number: 443 } } }],
            },
          ],
        },
        { namespace: name },
      ),
    ];
    const config = [
      resourceOf('Gateway', 'edge', {
        selector: { istio: 'ingressgateway' },
        servers: [
          { port: { number: httpPort, name: 'http', protocol: 'HTTP' }, hosts: ['*'] },
          { port: { number: tlsPort, name: 'tls', protocol: 'TLS' }, hosts: ['*/*'], tls: { mode: 'PASSTHROUGH' } },
        ],
      }),
      resourceOf('ServiceEntry', 'app', {
        hosts: ['app.example'],
        ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
        resolution: 'STATIC',
        endpoints: [{ address: '127.0.0.1', ports: { http: ports.app } }],
      }),
      resourceOf('VirtualService', 'app', {
        hosts: ['*'],
        gateways: ['edge'],
        http: [{ route: [{ destination: { host: 'app.example', port: { number: 80 } } }] }],
      }),
      ...passes('shown', ['*']),
      ...passes('hidden', open ? ['*'] : ['.']),
    ];
    const snapshot = snapshotOf({ config });
    const context = sidecarContext({ type: 'router', labels: { istio: 'ingressgateway' } });
    const own = mkdtempSync(join(folder, 'envoy-'));
    const bootstrap = JSON.stringify(
      staticBootstrap(translationToJson(translate(snapshot, context, createMemo())), own),
    );
    const believing = bootstrap
      .replaceAll('"useRemoteAddress":true', '"useRemoteAddress":false')
      .replaceAll('"SANITIZE_SET"', '"ALWAYS_FORWARD_ONLY"');
    expect(believing).not.toBe(bootstrap);
    envoys.push(
      await startEnvoy({
        ...(JSON.parse(open ? believing : bootstrap) as object),
        admin: { address: { socketAddress: { address: '127.0.0.1', portValue: 0 } } },
      }),
    );
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'periplus-edge-'));
    const free = await freePorts(6);
    for (const [index, name] of (Object.keys(ports) as (keyof typeof ports)[]).entries())
      ports[name] = free[index] ?? 0;
    const ca = await makeAuthority('mesh');
    pair = await ca.issue('server', ['spiffe://cluster.local/ns/default/sa/server']);
    app = http.createServer((request, response) => response.end(JSON.stringify(request.headers)));
    await new Promise<void>((resolve) => app.listen(ports.app, '127.0.0.1', resolve));
    secure = tls.createServer({ cert: pair.certificate, key: pair.key }, (socket) => socket.end('reached'));
    await new Promise<void>((resolve) => secure.listen(ports.secure, '127.0.0.1', resolve));
    await gateway(ports.http, ports.tls, false);
    await gateway(ports.unguardedHttp, ports.unguardedTls, true);
  });
  afterAll(async () => {
    for (const envoy of envoys) await envoy.stop();
    app?.close();
    secure?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What of the forged headers reaches the application as it was sent. */
  async function arriving(port: number): Promise<readonly string[]> {
    const received = await new Promise<http.IncomingHttpHeaders>((resolve, reject) => {
      const sent = http.get({ host: '127.0.0.1', port, headers: { host: 'web.example', ...forged } }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => (text += String(chunk)));
        answer.on('end', () => resolve(JSON.parse(text) as http.IncomingHttpHeaders));
      });
      sent.on('error', reject);
    });
    return Object.entries(forged).flatMap(([name, value]) => (received[name] === value ? [name] : []));
  }

  it('no header of a client passes for what proxies tell each other', async () => {
    expect(await arriving(ports.http)).toEqual([]);
    // Without the guard they do: the test would see it.
    expect(await arriving(ports.unguardedHttp)).toContain('x-forwarded-client-cert');
  });

  /** Whether TLS for `servername` reaches the server behind. */
  function reaches(port: number, servername: string): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = tls.connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
      let text = '';
      socket.on('data', (chunk) => (text += String(chunk)));
      socket.on('error', () => {});
      socket.on('close', () => resolve(text === 'reached'));
    });
  }

  it('TLS reaches no service by a name that was not shown to the gateway', async () => {
    expect(await reaches(ports.tls, 'shown.example')).toBe(true);
    for (const name of [
      'hidden.example',
      'HIDDEN.example',
      'hidden.example.',
      'outbound_.443_._.hidden.example',
      'x.example',
    ])
      expect(await reaches(ports.tls, name), name).toBe(false);
    expect(await reaches(ports.unguardedTls, 'hidden.example')).toBe(true);
  });

  it('TLS without a name reaches nothing', async () => {
    const closed = await new Promise<boolean>((resolve) => {
      const socket = net.connect(ports.tls, '127.0.0.1', () =>
        socket.write('GET / HTTP/1.1\r\nhost: hidden.example\r\n\r\n'),
      );
      socket.on('data', () => resolve(false));
      socket.on('error', () => {});
      socket.on('close', () => resolve(true));
    });
    expect(closed).toBe(true);
  });
});
