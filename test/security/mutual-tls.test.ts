// PERMISSIVE, STRICT and DISABLE ports of a real sidecar, spoken to in the clear and with certificates of the mesh and of others.
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
import { withSecretFiles, writeSecrets } from './secret-files.ts';

const client = 'spiffe://cluster.local/ns/default/sa/client';

describe('a sidecar with an identity', () => {
  let envoy: TestEnvoy;
  let folder: string;
  let app: http.Server;
  let permissive = 0;
  let detected = 0;
  let strict = 0;
  let disabled = 0;
  let named = 0;
  let namedBytes = 0;
  let authority: string;
  const certificates: Record<'client' | 'stranger' | 'foreign' | 'federated', KeyPair | undefined> = {
    client: undefined,
    stranger: undefined,
    foreign: undefined,
    federated: undefined,
  };

  beforeAll(async () => {
    const ports = await freePorts(7);
    [permissive = 0, detected = 0, strict = 0, disabled = 0, , named = 0, namedBytes = 0] = ports;
    const ca = await makeAuthority('mesh');
    authority = ca.certificate;
    certificates.client = await ca.issue('workload', [client]);
    certificates.stranger = await ca.issue('workload', ['spiffe://cluster.local/ns/default/sa/stranger']);
    certificates.federated = await ca.issue('workload', ['spiffe://federated.example/ns/default/sa/client']);
    certificates.foreign = await (await makeAuthority('foreign')).issue('workload', [client]);
    app = http.createServer((request, response) => response.end(String(request.headers['x-forwarded-client-cert'])));
    await new Promise<void>((resolve) => app.listen(ports[4], '127.0.0.1', resolve));
    const ingress = (port: number, protocol: string) => ({
      port: { number: port, protocol, name: `port-${port}` },
      bind: '127.0.0.1',
      captureMode: 'NONE',
      defaultEndpoint: `127.0.0.1:${ports[4]}`,
    });
    const snapshot = snapshotOf({
      config: [
        resourceOf('Sidecar', 'default', {
          ingress: [
            ingress(permissive, 'HTTP'),
            ingress(detected, ''),
            ingress(strict, 'HTTP'),
            ingress(disabled, 'HTTP'),
            ingress(named, 'HTTP'),
            ingress(namedBytes, 'TCP'),
          ],
        }),
        resourceOf('PeerAuthentication', 'web', {
          selector: { matchLabels: { app: 'web' } },
          portLevelMtls: { [strict]: { mode: 'STRICT' }, [disabled]: { mode: 'DISABLE' } },
        }),
        resourceOf('AuthorizationPolicy', 'no-strangers', {
          action: 'DENY',
          rules: [{ from: [{ source: { principals: ['cluster.local/ns/default/sa/stranger'] } }] }],
        }),
        resourceOf('AuthorizationPolicy', 'named', {
          rules: [
            {
              from: [{ source: { principals: ['cluster.local/ns/default/sa/client'] } }],
              to: [{ operation: { ports: [String(named), String(namedBytes)] } }],
            },
            { to: [{ operation: { notPorts: [String(named), String(namedBytes)] } }] },
          ],
        }),
      ],
    });
    const context = sidecarContext({ interceptionMode: 'NONE', labels: { app: 'web' }, identity: 'SDS' });
    folder = mkdtempSync(join(tmpdir(), 'periplus-mtls-'));
    const resources = translationToJson(translate(snapshot, context, createMemo()));
    const server = await ca.issue('workload', ['spiffe://cluster.local/ns/default/sa/web']);
    const bootstrap = staticBootstrap(resources, folder);
    envoy = await startEnvoy({
      ...(withSecretFiles(bootstrap, writeSecrets(folder, server, authority)) as object),
      admin: { address: { socketAddress: { address: '127.0.0.1', portValue: 0 } } },
    });
  });
  afterAll(async () => {
    await envoy?.stop();
    app?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** Status of a request, 0 where the connection did not get that far, and what the application was told of the caller. */
  function ask(port: number, pair?: KeyPair | 'no certificate', alpn = ['istio'], header = '') {
    const to = { host: '127.0.0.1', port };
    const keys = typeof pair === 'object' ? { cert: pair.certificate, key: pair.key } : {};
    const socket = pair
      ? tls.connect({ ...to, ca: authority, ...keys, ALPNProtocols: alpn, checkServerIdentity: () => undefined })
      : net.connect(to);
    return new Promise<{ readonly status: number; readonly text: string }>((resolve) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
        if (!text.startsWith('HTTP/1.1 200') && text.includes('\r\n\r\n')) socket.destroy();
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve({ status: Number(text.split(' ')[1] ?? 0), text }));
      socket.write(`GET / HTTP/1.1\r\nhost: web\r\n${header}connection: close\r\n\r\n`);
    });
  }
  const status = async (...args: Parameters<typeof ask>) => (await ask(...args)).status;

  it('takes plaintext and mutual TLS at PERMISSIVE ports, and tells the application who calls', async () => {
    expect((await ask(permissive)).text).not.toContain('spiffe://');
    const { status: code, text } = await ask(permissive, certificates.client);
    expect(code).toBe(200);
    expect(text).toContain(client);
    expect(await status(detected)).toBe(200);
    expect((await ask(detected, certificates.client, ['istio-http/1.1', 'istio'])).text).toContain(client);
    expect(await status(detected, certificates.client)).toBe(200);
  });

  it('takes mutual TLS alone at STRICT ports, and plaintext alone at DISABLE ports', async () => {
    expect(await status(strict)).toBe(0);
    expect(await status(strict, certificates.client)).toBe(200);
    expect(await status(disabled)).toBe(200);
    expect(await status(disabled, certificates.client)).toBe(0);
  });

  it('takes nobody without a certificate of its own trust domain', async () => {
    for (const port of [permissive, strict]) {
      expect(await status(port, 'no certificate')).toBe(0);
      expect(await status(port, certificates.foreign)).toBe(0);
      expect(await status(port, certificates.federated)).toBe(0);
    }
  });

  it('applies policies to the principal, for HTTP and for bytes', async () => {
    expect(await status(permissive, certificates.stranger)).toBe(403);
    expect(await status(detected, certificates.stranger, ['istio'])).toBe(0);
  });

  it('knows no principal in plaintext at PERMISSIVE ports, whatever headers say, for HTTP and for bytes', async () => {
    const forged = `x-forwarded-client-cert: By=x;URI=${client}\r\n`;
    for (const [port, refused] of [
      [named, 403],
      [namedBytes, 0],
    ] as const) {
      expect(await status(port, certificates.client)).toBe(200);
      expect(await status(port)).toBe(refused);
      expect(await status(port, undefined, [], forged)).toBe(refused);
    }
    expect((await ask(permissive, undefined, [], forged)).text).not.toContain(client);
  });
});
