// Two meshes that know each other: a real Envoy takes each one's workloads by that one's authorities alone, as caller and as called.
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SnapshotBuilder } from '../../mesh/snapshot-builder.ts';
import { factsOf, recorded, resourceOf } from '../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../../services/pilot/translate/context-fixture.ts';
import { translationToJson } from '../../services/pilot/translate/json.ts';
import { createMemo } from '../../services/pilot/translate/memo.ts';
import { translate } from '../../services/pilot/translate/translate.ts';
import { startEnvoy, type TestEnvoy } from '../support/envoy.ts';
import { freePorts } from '../support/free-port.ts';
import { staticBootstrap } from '../support/static-bootstrap.ts';
import { type KeyPair, makeAuthority } from '../traffic/certificates.ts';
import { withSecretFiles, writeSecrets } from './secret-files.ts';

const own = 'spiffe://cluster.local/ns/default/sa/client';
const partners = 'spiffe://partner.example/ns/default/sa/client';

describe('a sidecar of a federated mesh', () => {
  let envoy: TestEnvoy | undefined;
  let app: http.Server;
  let authority: string;
  const folder = mkdtempSync(join(tmpdir(), 'periplus-federated-'));
  const ports = { inbound: 0, outbound: 0, app: 0 };
  const remotes: tls.Server[] = [];
  const callers: Record<string, KeyPair> = {};

  beforeAll(async () => {
    const free = await freePorts(5);
    const [inbound = 0, outbound = 0, appPort = 0, right = 0, wrong = 0] = free;
    Object.assign(ports, { inbound, outbound, app: appPort });
    const [ours, theirs, thirds] = [await makeAuthority('a'), await makeAuthority('b'), await makeAuthority('c')];
    authority = ours.certificate;
    callers.own = await ours.issue('x', [own]);
    callers.partner = await theirs.issue('x', [partners]);
    callers['partner claiming our name'] = await theirs.issue('x', [own]);
    callers['we claiming the partner’s name'] = await ours.issue('x', [partners]);
    callers['a third mesh'] = await thirds.issue('x', ['spiffe://third.example/ns/default/sa/client']);
    callers['a third mesh claiming the partner’s name'] = await thirds.issue('x', [partners]);
    callers['banned partner'] = await theirs.issue('x', ['spiffe://partner.example/ns/default/sa/banned']);
    app = http.createServer((request, response) => response.end(String(request.headers['x-forwarded-client-cert'])));
    await new Promise<void>((resolve) => app.listen(appPort, '127.0.0.1', resolve));
    const serverName = 'spiffe://partner.example/ns/default/sa/server';
    for (const [port, pair] of [
      [right, await theirs.issue('x', [serverName])],
      [wrong, await ours.issue('x', [serverName])],
    ] as const) {
      const server = tls.createServer({ cert: pair.certificate, key: pair.key, ALPNProtocols: ['istio'] }, (socket) => {
        socket
          .on('error', () => {})
          .once('data', () => {
            socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello');
          });
      });
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      remotes.push(server);
    }
    const entry = (name: string, port: number) =>
      resourceOf('ServiceEntry', name, {
        hosts: [`${name}.partner`],
        ports: [{ number: outbound, name: 'http', protocol: 'HTTP' }],
        resolution: 'STATIC',
        location: 'MESH_EXTERNAL',
        endpoints: [{ address: '127.0.0.1', ports: { http: port } }],
        subjectAltNames: [serverName],
      });
    const rule = (name: string) =>
      resourceOf('DestinationRule', name, {
        host: `${name}.partner`,
        trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } },
      });
    const ingress = { port: { number: inbound, protocol: 'HTTP', name: 'in' }, bind: '127.0.0.1', captureMode: 'NONE' };
    const egress = {
      port: { number: outbound, protocol: 'HTTP', name: 'out' },
      bind: '127.0.0.1',
      captureMode: 'NONE',
    };
    const config = [
      resourceOf('Sidecar', 'default', {
        ingress: [{ ...ingress, defaultEndpoint: `127.0.0.1:${appPort}` }],
        egress: [{ ...egress, hosts: ['*/*'] }],
      }),
      resourceOf('PeerAuthentication', 'default', { mtls: { mode: 'STRICT' } }),
      ...['right', 'wrong'].flatMap((name, index) => [entry(name, index === 0 ? right : wrong), rule(name)]),
    ];
    const bundle = (trustDomain: string, root: string, more: object) => ({ trustDomain, roots: [root], ...more });
    const banned = { spiffeId: 'spiffe://partner.example/ns/default/sa/banned', reason: '' };
    const identityFacts = [
      {
        type: 'bundle-published',
        data: bundle('cluster.local', authority, { sequence: 1, authorities: [], hash: '' }),
      },
      {
        type: 'federated-bundle-updated',
        data: bundle('partner.example', theirs.certificate, { source: '', hash: '' }),
      },
      { type: 'identity-banned', data: banned },
    ].map(({ type, data }) => ({ type: `io.periplus.identity.${type}`, subject: `identity/${type}`, data }));
    const builder = new SnapshotBuilder();
    for (const fact of [...factsOf({ config }), ...identityFacts]) builder.apply(recorded(fact, builder.position + 1));
    const context = sidecarContext({ interceptionMode: 'NONE', identity: 'SDS' });
    const resources = translationToJson(translate(builder.snapshot(), context, createMemo()));
    const server = await ours.issue('x', ['spiffe://cluster.local/ns/default/sa/web']);
    const bootstrap = withSecretFiles(staticBootstrap(resources, folder), writeSecrets(folder, server, authority));
    envoy = await startEnvoy({
      ...(bootstrap as object),
      admin: { address: { socketAddress: { address: '127.0.0.1', portValue: 0 } } },
    });
  });
  afterAll(async () => {
    await envoy?.stop();
    app?.close();
    for (const remote of remotes) remote.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What a caller is told, '' where the connection ended before. */
  function ask(pair: KeyPair | undefined): Promise<string> {
    if (!pair) throw new Error('no certificate');
    const keys = { cert: pair.certificate, key: pair.key, ca: authority, ALPNProtocols: ['istio'] };
    const to = { host: '127.0.0.1', port: ports.inbound, checkServerIdentity: () => undefined };
    const socket = tls.connect({ ...to, ...keys });
    return new Promise((resolve) => {
      let text = '';
      socket.on('data', (chunk) => (text += chunk)).on('error', () => {});
      socket.on('close', () => resolve(text));
      socket.write('GET / HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n');
    });
  }

  it('knows the partner’s workloads by the partner’s authority, and its own by its own', async () => {
    expect(await ask(callers.own)).toContain(own);
    expect(await ask(callers.partner)).toContain(partners);
  });

  it.each([
    'partner claiming our name',
    'we claiming the partner’s name',
    'a third mesh',
    'a third mesh claiming the partner’s name',
    'banned partner',
  ])('refuses %s', async (name) => {
    expect(await ask(callers[name])).toBe('');
  });

  it('calls the partner’s services, and no server whose name another authority vouches for', async () => {
    const call = async (host: string) =>
      await new Promise<number | undefined>((resolve, reject) => {
        const options = { host: '127.0.0.1', port: ports.outbound, headers: { host }, agent: false };
        http.get(options, (response) => resolve(response.resume().statusCode)).on('error', reject);
      });
    expect(await call('right.partner')).toBe(200);
    expect(await call('wrong.partner')).toBe(503);
  });
});
