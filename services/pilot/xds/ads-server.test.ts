// The ADS server over real gRPC: both protocols, order across types, limits, junk.
import { type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { resourceSet } from '../translate/resource-set.ts';
import { type TypeUrl, typeUrls } from '../translate/translation.ts';
import { AdsClient, type Received, recordingObserver, startServer, type Told } from './ads-client-fixture.ts';
import { adsService } from './ads-service.ts';
import { changed, resource, setOf, sotwBytes, translationOf } from './xds-fixture.ts';

const { cluster, endpoints, listener, route } = typeUrls;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const sets = {
  [cluster]: setOf(cluster, { a: 'c1', b: 'c1' }),
  [endpoints]: setOf(endpoints, { a: 'e1', b: 'e1' }),
  [listener]: setOf(listener, { l: 'l1' }),
  [route]: setOf(route, { r: 'r1' }),
};

async function start(...args: Parameters<typeof startServer>) {
  const server = await startServer(...args);
  cleanups.push(server.stop);
  return server;
}

function open(port: number, ...args: [protocol: 'sotw' | 'delta', options?: { id?: string; paused?: boolean }]) {
  const client = new AdsClient(port, ...args);
  cleanups.push(() => client.close());
  return client;
}

/** A client that has everything, as Envoy does after its start. */
async function settled(client: AdsClient): Promise<void> {
  for (const [typeUrl, names] of [
    [cluster, []],
    [endpoints, ['a', 'b']],
    [listener, []],
    [route, ['r']],
  ] as [TypeUrl, string[]][]) {
    if (client.protocol === 'sotw') client.sotw({ typeUrl, resourceNames: names });
    else client.delta({ typeUrl, resourceNamesSubscribe: names });
    client.ack(await client.next(), names);
  }
}

const brief = ({ typeUrl, resources, removed }: Received) => [
  typeUrl,
  ...resources,
  ...removed.map((name) => `-${name}`),
];

describe('a gateway’s stream', () => {
  it.each(['sotw', 'delta'] as const)('gets routes before the listeners that lead to them (%s)', async (protocol) => {
    const { port, publish } = await start(translationOf(1, sets), { perContext: true });
    const client = open(port, protocol, { id: 'router~10.0.0.9~gateway.default~default.svc.cluster.local' });
    await settled(client);
    const next = (version: string) => ({
      ...sets,
      [listener]: changed(listener, sets[listener], { l: `l${version}` }),
      [route]: changed(route, sets[route], { r: `r${version}` }),
    });
    await publish(translationOf(2, next('2')));
    const [routes, listeners] = [await client.next(), await client.next()];
    expect([routes.typeUrl, listeners.typeUrl]).toEqual([route, listener]);
    // While routes are not acknowledged the next ones can't be sent, and so no listener either.
    client.ack(listeners);
    await publish(translationOf(3, next('3')));
    client.ack(routes, ['r']);
    expect([(await client.next()).typeUrl, (await client.next()).typeUrl]).toEqual([route, listener]);
  });
});

describe('a SotW stream', () => {
  it('gets full state, changes, and answers to names', async () => {
    const { port, publish } = await start(translationOf(1, sets));
    const client = open(port, 'sotw');
    client.sotw({ typeUrl: cluster });
    const first = await client.next();
    expect(brief(first)).toEqual([cluster, 'c1', 'c1']);
    expect(first.version).toBe(sets[cluster].version);
    client.ack(first);
    client.sotw({ typeUrl: endpoints, resourceNames: ['a'] });
    client.ack(await client.next(), ['a']);
    await publish(
      translationOf(2, { ...sets, [endpoints]: changed(endpoints, sets[endpoints], { a: 'e2', b: 'e2' }) }),
    );
    expect(brief(await client.next())).toEqual([endpoints, 'e2']);
  });

  it('keeps removed clusters until routes that use them are acknowledged', async () => {
    const { port, publish } = await start(translationOf(1, sets));
    const client = open(port, 'sotw');
    await settled(client);
    await publish(
      translationOf(2, {
        [cluster]: changed(cluster, sets[cluster], { a: undefined, n: 'c1' }),
        [endpoints]: changed(endpoints, sets[endpoints], { a: undefined, n: 'e1' }),
        [listener]: sets[listener],
        [route]: changed(route, sets[route], { r: 'r2' }),
      }),
    );
    const union = await client.next();
    expect(brief(union)).toEqual([cluster, 'c1', 'c1', 'c1']);
    client.ack(union).sotw({ typeUrl: endpoints, responseNonce: '2', resourceNames: ['b', 'n'] });
    const newEndpoints = await client.next();
    expect(brief(newEndpoints)).toEqual([endpoints, 'e1']);
    client.ack(newEndpoints, ['b', 'n']);
    const newRoute = await client.next();
    expect(brief(newRoute)).toEqual([route, 'r2']);
    client.ack(newRoute, ['r']);
    expect(brief(await client.next())).toEqual([cluster, 'c1', 'c1']);
  });
});

describe('a delta stream', () => {
  it('gets clusters and endpoints before routes, and removals last', async () => {
    const { port, publish } = await start(translationOf(1, sets));
    const client = open(port, 'delta');
    await settled(client);
    await publish(
      translationOf(2, {
        [cluster]: changed(cluster, sets[cluster], { a: undefined, n: 'c1' }),
        [endpoints]: changed(endpoints, sets[endpoints], { a: undefined, n: 'e1' }),
        [listener]: changed(listener, sets[listener], { l: 'l2' }),
        [route]: changed(route, sets[route], { r: 'r2' }),
      }),
    );
    const clusters = await client.next();
    expect(brief(clusters)).toEqual([cluster, 'n=c1']);
    client.ack(clusters).delta({ typeUrl: endpoints, resourceNamesSubscribe: ['n'] });
    const newEndpoints = await client.next();
    expect(brief(newEndpoints)).toEqual([endpoints, 'n=e1']);
    client.ack(newEndpoints);
    const [listeners, routes] = [await client.next(), await client.next()];
    expect([brief(listeners), brief(routes)]).toEqual([
      [listener, 'l=l2'],
      [route, 'r=r2'],
    ]);
    client.ack(listeners).ack(routes);
    expect(brief(await client.next())).toEqual([cluster, '-a']);
  });

  it('gets endpoints of a changed cluster again', async () => {
    const { port, publish } = await start(translationOf(1, sets));
    const client = open(port, 'delta');
    await settled(client);
    await publish(translationOf(2, { ...sets, [cluster]: changed(cluster, sets[cluster], { a: 'c2' }) }));
    expect([brief(await client.next()), brief(await client.next())]).toEqual([
      [cluster, 'a=c2'],
      [endpoints, 'a=e1'],
    ]);
  });

  it('gets endpoints of a cluster that changed while it was away, though it kept them', async () => {
    const { port } = await start(translationOf(1, sets));
    const client = open(port, 'delta');
    client.delta({ typeUrl: cluster, initialResourceVersions: { a: 'old', b: sets[cluster].get('b')?.version ?? '' } });
    const initialResourceVersions = Object.fromEntries(
      ['a', 'b'].map((n) => [n, sets[endpoints].get(n)?.version ?? '']),
    );
    client.delta({ typeUrl: endpoints, resourceNamesSubscribe: ['a', 'b'], initialResourceVersions });
    expect([brief(await client.next()), brief(await client.next())]).toEqual([
      [cluster, 'a=c1'],
      [endpoints, 'a=e1'],
    ]);
  });

  it('goes on without a client that answers nothing about clusters', async () => {
    const { port, publish } = await start(translationOf(1, sets), { limits: { patienceMs: 10 } });
    const client = open(port, 'delta');
    await settled(client);
    await publish(
      translationOf(2, {
        ...sets,
        [cluster]: changed(cluster, sets[cluster], { n: 'c1' }),
        [route]: changed(route, sets[route], { r: 'r2' }),
      }),
    );
    expect([brief(await client.next()), brief(await client.next())]).toEqual([
      [cluster, 'n=c1'],
      [route, 'r=r2'],
    ]);
  });

  it('keeps clusters that refused routes may still need', async () => {
    const { port, publish } = await start(translationOf(1, sets), { limits: { patienceMs: 10 } });
    const client = open(port, 'delta');
    await settled(client);
    const without = changed(cluster, sets[cluster], { a: undefined });
    const wrong = changed(route, sets[route], { r: 'wrong' });
    await publish(translationOf(2, { ...sets, [cluster]: without, [route]: wrong }));
    const refused = await client.next();
    expect(brief(refused)).toEqual([route, 'r=wrong']);
    client.nack(refused, 'no');
    await publish(translationOf(3, { ...sets, [cluster]: without, [route]: changed(route, wrong, { r: 'r3' }) }));
    const good = await client.next();
    expect(brief(good)).toEqual([route, 'r=r3']);
    client.ack(good);
    expect(brief(await client.next())).toEqual([cluster, '-a']);
  });
});

describe('what observers are told', () => {
  it('is every push, answer, health report and departure', async () => {
    const told: Told[] = [];
    const { port, server } = await start(translationOf(1, sets), { observer: recordingObserver(told) });
    const client = open(port, 'delta', { id: 'sidecar~10.0.0.9~x.default~d' });
    client.delta({ typeUrl: cluster });
    client.nack(await client.next(), 'bad cluster');
    const health = { typeUrl: 'type.googleapis.com/istio.v1.HealthInformation' };
    client.delta({ ...health, errorDetail: { code: 500, message: 'probe failed' } });
    client.delta({ ...health, errorDetail: { code: 500, message: 'probe failed' } });
    client.delta(health).delta({ typeUrl: listener });
    client.ack(await client.next());
    client.call.end();
    await client.status;
    expect(told).toEqual([
      ['connected', 'sidecar~10.0.0.9~x.default~d'],
      ['pushed', cluster],
      ['rejected', 'bad cluster'],
      ['healthReported', 'probe failed'],
      ['healthReported', 'healthy'],
      ['pushed', listener],
      ['acknowledged', listener],
      ['disconnected', 'the proxy closed the stream'],
    ]);
    expect(server.streamCount).toBe(0);
  });

  it("is only the health of a stream that asks for nothing: an agent's is no proxy that connected", async () => {
    const told: Told[] = [];
    const { port, server } = await start(translationOf(1, sets), { observer: recordingObserver(told) });
    const client = open(port, 'delta');
    client.delta({ typeUrl: 'type.googleapis.com/istio.v1.HealthInformation' });
    await vi.waitFor(() => expect(told).toEqual([['healthReported', 'healthy']]));
    client.call.end();
    await client.status;
    expect(server.streamCount).toBe(0);
    expect(told).toHaveLength(1);
  });
});

describe('limits', () => {
  it('refuses a request that is none', async () => {
    const { port } = await start(translationOf(1, sets));
    const client = open(port, 'sotw');
    client.call.write(Buffer.from([0xff, 0xff, 0xff]));
    expect(await client.status).toMatchObject({ code: 3 });
  });

  it('refuses a first request without a usable node', async () => {
    const { port } = await start(translationOf(1, sets));
    const client = open(port, 'sotw', { id: '' });
    client.sotw({ typeUrl: cluster });
    expect(await client.status).toMatchObject({ code: 3, details: 'the node has no id' });
  });

  it('refuses too many names and too many streams', async () => {
    const { port } = await start(translationOf(1, sets), { limits: { maxNames: 2, maxStreams: 1 } });
    const client = open(port, 'delta');
    client.delta({ typeUrl: cluster });
    await client.next();
    const second = open(port, 'delta');
    expect(await second.status).toMatchObject({ code: 8 });
    client.delta({ typeUrl: endpoints, resourceNamesSubscribe: ['a', 'b', 'c'] });
    expect(await client.status).toMatchObject({ code: 8 });
  });

  it('refuses requests that are too large', async () => {
    const { port } = await start(translationOf(1, sets), { limits: { maxRequestBytes: 1000 } });
    const client = open(port, 'sotw');
    client.sotw({ typeUrl: cluster, versionInfo: 'x'.repeat(2000) });
    expect(await client.status).toMatchObject({ code: 8 });
  });

  it('closes a stream that says nothing', async () => {
    const { port } = await start(translationOf(1, sets), { limits: { firstRequestMs: 5 } });
    expect(await open(port, 'sotw').status).toMatchObject({ code: 14 });
  });

  it('survives junk on the port', async () => {
    const { port } = await start(translationOf(1, sets));
    const junk = [
      'GET / HTTP/1.1\r\n\r\n',
      '\x16\x03\x01\x02\x00',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff',
      '\0'.repeat(5000),
    ];
    await Promise.all(
      junk.map(
        (text) =>
          new Promise<void>((resolve) => {
            const socket = connect(port, '127.0.0.1', () => socket.end(text, 'latin1'));
            socket.on('error', () => {});
            socket.on('close', () => resolve());
            socket.resume();
          }),
      ),
    );
    const client = open(port, 'sotw');
    client.sotw({ typeUrl: cluster });
    expect(brief(await client.next())).toEqual([cluster, 'c1', 'c1']);
  });
});

/** A client that opens a stream and reads nothing, so that HTTP/2's flow control stops the server. */
function openDeaf(port: number, id: string): ClientHttp2Stream {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  cleanups.push(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': adsService.StreamAggregatedResources.path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  const request = sotwBytes({ node: { id }, typeUrl: cluster });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(request.length, 1);
  stream.write(Buffer.concat([head, request]));
  return stream;
}

describe('large responses', () => {
  it('are not copied for each stream', async () => {
    const { port } = await start(
      translationOf(1, { [cluster]: resourceSet([resource(cluster, 'a', 'x'.repeat(1_000_000))]) }),
    );
    const allocated = vi.spyOn(Buffer, 'allocUnsafe');
    cleanups.push(() => allocated.mockRestore());
    const responses = ['2', '3', '4'].map((n) =>
      open(port, 'sotw', { id: `sidecar~10.0.0.${n}~x~d` })
        .sotw({ typeUrl: cluster })
        .next(),
    );
    const contents = (await Promise.all(responses)).map(({ resources }) => resources[0]?.length);
    expect(contents).toEqual([1_000_000, 1_000_000, 1_000_000]);
    expect(allocated.mock.calls.filter(([size]) => size > 1_000_000 && size < 1_000_500)).toEqual([]);
  });
});

describe('a client that stops reading', () => {
  const big = 'x'.repeat(1_000_000);
  const stateOf = (n: number) => translationOf(n, { [cluster]: resourceSet([resource(cluster, 'a', `${n}${big}`)]) });

  it('holds at most one response per type and does not stop others', async () => {
    const { port, publish, server } = await start(stateOf(1), {
      limits: { maxUnreadBytes: 100_000, stalledAfterMs: 20 },
      perContext: true,
    });
    const deaf = openDeaf(port, 'sidecar~10.0.0.2~deaf~d');
    await expect.poll(() => server.streamCount).toBe(1);
    const reader = open(port, 'sotw', { id: 'sidecar~10.0.0.3~reader~d' });
    reader.sotw({ typeUrl: cluster });
    for (let n = 2; n <= 20; n++) {
      reader.ack(await reader.next());
      await publish(stateOf(n));
    }
    expect((await reader.next()).resources[0]?.startsWith('20x')).toBe(true);
    const [deafStream] = server.streams;
    expect(deafStream?.subscription(cluster)?.inFlight?.position).toBe(1);
    expect(server.unreadBytes).toBeLessThan(1_100_000);
    let bytes = 0;
    deaf.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await expect.poll(() => bytes).toBeGreaterThan(1_000_000);
    await expect.poll(() => server.unreadBytes).toBe(0);
  });

  it('is disconnected when such clients hold too much', async () => {
    const { port, server } = await start(stateOf(1), { limits: { stalledAfterMs: 20, maxStalledBytes: 500_000 } });
    openDeaf(port, 'sidecar~10.0.0.2~deaf~d');
    await expect.poll(() => server.streamCount).toBe(1);
    await expect.poll(() => server.streamCount, { timeout: 4000 }).toBe(0);
  });
});
