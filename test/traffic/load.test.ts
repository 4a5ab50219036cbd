// Changes under load: not one request may fail while routes, subsets and gateways are replaced.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServerTLSSettings } from '../../mesh/config/schemas/gateway.ts';
import { startLoad } from '../support/load.ts';
import { startTlsLoad } from '../support/tls-load.ts';
import { waitFor } from '../support/wait-for.ts';
import type { KeyPair } from './certificates.ts';
import { send, serialOf, shownSerial } from './client.ts';
import { putCredential } from './credentials.ts';
import { versions } from './expectations.ts';
import { startTrafficMesh, type TrafficMesh } from './mesh.ts';
import { destinationRule, gateway, gatewaySelector, virtualService } from './resources.ts';

const perSecond = 200;
const rounds = 12;
let mesh: TrafficMesh;
beforeAll(async () => {
  mesh = await startTrafficMesh({ drainSeconds: 3 });
});
afterAll(async () => {
  await mesh?.stop();
});

const instanceOf = (body: string) => (JSON.parse(body) as { instance: string }).instance;
const rest = () => new Promise((resolve) => setTimeout(resolve, 150));
/** All requests for `echo` and for the gateway's host to `echo`, or to one of its subsets. */
const toEcho = (subset?: string) =>
  virtualService('echo', {
    hosts: ['echo.default.svc.cluster.local', 'web.example.com'],
    gateways: ['mesh', 'base'],
    // A gateway does not know which of several ports is meant.
    http: [
      { route: [{ destination: { host: 'echo', port: { number: mesh.ports.http }, ...(subset && { subset }) } }] },
    ],
  });
const subsets = (...names: readonly string[]) =>
  destinationRule('echo', {
    host: 'echo',
    subsets: names.map((name) => ({ name, labels: { version: name.slice(0, 2) } })),
  });
/** Load on the sidecar and on the gateway at once; gives the failures and which instances answered. */
async function underLoad(change: () => Promise<void>, port = mesh.ports.gateway) {
  const loads = [
    startLoad({
      url: `http://127.0.0.1:${mesh.ports.http}/`,
      headers: { host: 'echo.default.svc.cluster.local' },
      perSecond,
      tagOf: instanceOf,
    }),
    startLoad({ url: `http://127.0.0.1:${port}/`, headers: { host: 'web.example.com' }, perSecond, tagOf: instanceOf }),
  ];
  await rest();
  await change();
  await rest();
  const results = await Promise.all(loads.map((load) => load.stop()));
  return {
    sent: results.reduce((sum, { sent }) => sum + sent, 0),
    failures: results.flatMap(({ failures }) => failures),
    tags: results.map(({ tags }) => Object.keys(tags).sort()),
  };
}

/** A Gateway with one HTTPS server. */
function secure(
  name: string,
  server: { readonly port: number; readonly hosts: readonly string[]; readonly tls: ServerTLSSettings },
) {
  return gateway(name, {
    selector: gatewaySelector,
    servers: [
      {
        port: { number: server.port, name: 'https', protocol: 'HTTPS' },
        bind: '127.0.0.1',
        hosts: [...server.hosts],
        tls: { mode: 'SIMPLE', ...server.tls },
      },
    ],
  });
}

/** For `web.example.com`: over HTTP/1.1 and HTTP/2, on connections that are kept and on new ones. */
function startTlsLoads(port: number) {
  const tls = { ca: mesh.certificates.ca };
  return (['HTTP/1.1', 'HTTP/2'] as const).flatMap((protocol) =>
    [true, false].map((keepsConnections) =>
      startTlsLoad({ port, host: 'web.example.com', tls, protocol, keepsConnections, perSecond: 40 }),
    ),
  );
}

const stopAll = (loads: ReturnType<typeof startTlsLoads>) => Promise.all(loads.map((load) => load.stop()));

function expectNoFailure(results: Awaited<ReturnType<typeof stopAll>>): void {
  expect(results.map(({ statuses, failures }) => ({ statuses: Object.keys(statuses), failures }))).toEqual(
    results.map(() => ({ statuses: ['200'], failures: [] })),
  );
  expect(results.every(({ sent }) => sent > 40)).toBe(true);
}

describe('under 200 requests a second each at sidecar and gateway', () => {
  it('VirtualService and DestinationRule change together: subsets come and go with the routes that use them', async () => {
    await mesh.apply(subsets('v1'), toEcho('v1'));
    const { sent, failures, tags } = await underLoad(async () => {
      for (let i = 0; i < rounds; i++) {
        const name = `v${(i % 3) + 1}-round-${i}`;
        await mesh.apply(subsets(name), toEcho(name));
        await rest();
      }
    });
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(perSecond * 2);
    expect(tags).toEqual([
      ['e1', 'e2', 'e3'],
      ['e1', 'e2', 'e3'],
    ]);
    await mesh.remove(subsets(), toEcho('v1'));
  });

  it('subsets are added and removed again beside a route that does not use them', async () => {
    await mesh.apply(toEcho());
    const { failures } = await underLoad(async () => {
      for (let i = 0; i < rounds; i++) {
        await mesh.apply(versions());
        await mesh.remove(versions());
        await rest();
      }
    });
    expect(failures).toEqual([]);
    await mesh.remove(toEcho());
  });

  it('a host moves between two Gateways on one port, back and forth', async () => {
    const port = mesh.ports.spare[0];
    const server = { port: { number: port, name: 'http', protocol: 'HTTP' }, bind: '127.0.0.1' };
    const of = (name: string, ...hosts: readonly string[]) =>
      gateway(name, { selector: gatewaySelector, servers: [{ ...server, hosts: [...hosts] }] });
    const bound = virtualService('web', {
      hosts: ['web.example.com'],
      gateways: ['left', 'right'],
      http: [{ route: [{ destination: { host: 'other' } }] }],
    });
    await mesh.apply(of('left', 'web.example.com'), of('right', 'other.example.com'), bound);
    await rest();
    const { failures } = await underLoad(async () => {
      for (let i = 0; i < rounds; i++) {
        const [from, to] = i % 2 === 0 ? ['left', 'right'] : ['right', 'left'];
        await mesh.apply(of(to ?? '', 'web.example.com'), of(from ?? '', 'other.example.com'));
        await rest();
      }
    }, port);
    expect(failures).toEqual([]);
    await mesh.remove(of('left'), of('right'), bound);
  });

  it('a host moves to another Gateway by its VirtualService, with its subset and DestinationRule, in one change', async () => {
    const port = mesh.ports.spare[1];
    const server = {
      port: { number: port, name: 'http', protocol: 'HTTP' },
      bind: '127.0.0.1',
      hosts: ['*.example.com'],
    };
    const of = (name: string) => gateway(name, { selector: gatewaySelector, servers: [server] });
    const bound = (name: string, subset: string) =>
      virtualService('web', {
        hosts: ['web.example.com'],
        gateways: [name],
        http: [{ route: [{ destination: { host: 'echo', subset, port: { number: mesh.ports.http } } }] }],
      });
    const names = ['left', 'right'];
    const at = (i: number) => [
      subsets(`v${(i % 3) + 1}-move-${i}`),
      bound(names[i % 2] ?? '', `v${(i % 3) + 1}-move-${i}`),
    ];
    await mesh.apply(...names.map(of), ...at(0));
    const { failures, tags } = await underLoad(async () => {
      for (let i = 1; i <= rounds; i++) {
        await mesh.apply(...at(i));
        await rest();
      }
    }, port);
    expect(failures).toEqual([]);
    expect(tags[1]).toEqual(['e1', 'e2', 'e3']);
    await mesh.remove(...names.map(of), ...at(0));
  });

  it('a host moves between the HTTPS servers of two Gateways on one port, with connections new and kept', async () => {
    const port = mesh.ports.spare[2];
    const { server: serverCertificate, serverKey: privateKey } = mesh.files;
    const of = (name: string, ...hosts: readonly string[]) =>
      secure(name, { port, hosts, tls: { serverCertificate, privateKey } });
    const bound = (...gateways: readonly string[]) =>
      virtualService('web', {
        hosts: ['web.example.com'],
        gateways: [...gateways],
        http: [{ route: [{ destination: { host: 'other' } }] }],
      });
    const tls = { ca: mesh.certificates.ca };
    const at = async (host: string, servername: string) =>
      (await send('/', { port, host, tls: { ...tls, servername } })).status;
    await mesh.apply(of('left', 'web.example.com'), of('right', 'api.example.com'), bound('left'));
    await waitFor(async () => (await at('web.example.com', 'web.example.com')) === 200, { what: 'the listener' });
    const loads = startTlsLoads(port);
    await rest();
    for (let i = 0; i < 6; i++) {
      const [from, to] = i % 2 === 0 ? ['left', 'right'] : ['right', 'left'];
      await mesh.apply(of(to ?? '', 'web.example.com'), of(from ?? '', 'api.example.com'), bound(to ?? ''));
      await rest();
    }
    // As one renames a Gateway: the new one waits for the host until the old one is gone.
    await mesh.apply(of('renamed', 'web.example.com'), bound('left', 'renamed'));
    await mesh.remove(of('left'));
    await rest();
    const results = await stopAll(loads);
    // Once nothing is left to drain, a server has its own hosts alone again.
    expect(await at('web.example.com', 'web.example.com')).toBe(200);
    await waitFor(async () => (await at('web.example.com', 'api.example.com')) === 404, {
      what: 'the end of the drain',
    });
    await mesh.remove(of('renamed'), of('right'), bound('renamed'));
    expectNoFailure(results);
  });

  it('a gateway’s credential is renewed again and again; one that is missing keeps nobody else on the port waiting', async () => {
    const port = mesh.ports.spare[3];
    const { authority, server, ca } = mesh.certificates;
    const put = (name: string, pair: KeyPair) =>
      putCredential(mesh.files.credentials, { namespace: 'istio-system', name, pair });
    const of = (name: string, host: string) =>
      secure(name, { port, hosts: [host], tls: { credentialName: `${name}-tls` } });
    const bound = virtualService('web', {
      hosts: ['*.example.com'],
      gateways: ['rotating', 'late'],
      http: [{ route: [{ destination: { host: 'other' } }] }],
    });
    const status = async (host: string) =>
      (await send('/', { port, host, tls: { ca, servername: host } }).catch(() => undefined))?.status;
    put('rotating-tls', server);
    await mesh.apply(of('rotating', 'web.example.com'), bound);
    await waitFor(async () => (await status('web.example.com')) === 200, { what: 'the listener' });
    const loads = startTlsLoads(port);
    for (let i = 0; i < 2; i++) {
      const next = await authority.issue(`renewal ${i}`, ['*.example.com']);
      put('rotating-tls', next);
      await waitFor(async () => (await shownSerial(port, 'web.example.com', ca)) === serialOf(next), {
        what: `renewal ${i}`,
      });
    }
    await mesh.apply(of('late', 'late.example.com'));
    await rest();
    expect(await status('late.example.com')).toBeUndefined();
    put('late-tls', server);
    await waitFor(async () => (await status('late.example.com')) === 200, { what: 'the late credential' });
    const results = await stopAll(loads);
    await mesh.remove(of('rotating', ''), of('late', ''), bound);
    expectNoFailure(results);
  });
});
