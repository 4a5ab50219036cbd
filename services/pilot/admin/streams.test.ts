import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Service } from '../../../events/model.ts';
import { serviceRegistered } from '../../../mesh/snapshot-fixture.ts';
import { typeUrls } from '../translate/translation.ts';
import { type AdminFixture, startAdmin } from './admin-fixture.ts';
import { progressOf } from './routes-wait.ts';
import type { ProxyStatus } from './schemas.ts';
import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';

const service = (name: string): Service => ({
  hostname: `${name}.default.svc.cluster.local`,
  name,
  namespace: 'default',
  platform: 'files',
  addresses: [],
  ports: [],
  labels: {},
  resolution: 'STATIC',
  location: 'MESH_INTERNAL',
});
const proxyId = 'sidecar~10.0.0.1~a.default~default.svc.cluster.local';
const stream = { proxyId, streamId: 's1', position: 1, settled: true };

let admin: AdminFixture;
let url: string;
beforeEach(async () => {
  admin = await startAdmin();
  url = await admin.listen();
});
afterEach(() => admin.stop());

/** Reads events of a stream until `enough`. */
async function read(
  path: string,
  enough: (events: readonly ServerSentEvent[]) => boolean,
  headers: Record<string, string> = {},
) {
  const stop = new AbortController();
  const response = await fetch(url + path, { headers, signal: stop.signal });
  const events: ServerSentEvent[] = [];
  if (response.body === null || !response.ok) return { status: response.status, events };
  for await (const event of readServerSentEvents(response.body.pipeThrough(new TextDecoderStream()))) {
    events.push(event);
    if (enough(events)) break;
  }
  stop.abort();
  return { status: response.status, events };
}
const positions = (events: readonly ServerSentEvent[]) =>
  events
    .filter(({ event }) => event === 'event')
    .map(({ data }) => (JSON.parse(data) as { position: number }).position);

describe('following events', () => {
  it('gives what is there from a position, then what comes, and resumes behind Last-Event-ID', async () => {
    await admin.appendFacts([service('a'), service('b')].map(serviceRegistered));
    const following = read('/api/v1/events?follow=true&from=2', (events) => positions(events).length === 2);
    await admin.appendFacts([serviceRegistered(service('c'))]);
    expect(positions((await following).events)).toEqual([2, 3]);
    const resumed = await read('/api/v1/events?follow=true', (events) => positions(events).length === 2, {
      'last-event-id': '1',
    });
    expect(positions(resumed.events)).toEqual([2, 3]);
  });

  it('refuses to resume behind the end of the log', async () => {
    expect((await read('/api/v1/events?follow=true', () => true, { 'last-event-id': '9' })).status).toBe(404);
    expect((await read('/api/v1/events?follow=true', () => true, { 'last-event-id': 'x' })).status).toBe(400);
  });
});

describe('waiting', () => {
  const last = (events: readonly ServerSentEvent[]) => events.at(-1)?.event !== 'progress';
  const end = async (path: string) => {
    const { events } = await read(path, last);
    const message = events.at(-1);
    return { event: message?.event, progress: JSON.parse(message?.data ?? '{}') };
  };

  it('is done when every proxy has the position', async () => {
    const position = await admin.appendFacts([serviceRegistered(service('a'))]);
    admin.streams.push({ ...stream, settled: false });
    const waiting = end(`/api/v1/wait?position=${position}`);
    admin.streams[0] = stream;
    expect(await waiting).toEqual({ event: 'done', progress: { position, acked: 1, total: 1, laggards: [] } });
  });

  it('is done at once when there are no proxies', async () => {
    await admin.appendFacts([serviceRegistered(service('a'))]);
    expect(await end('/api/v1/wait?position=1')).toMatchObject({ event: 'done', progress: { total: 0 } });
  });

  it('names the laggards when the time is over', async () => {
    await admin.appendFacts([serviceRegistered(service('a'))]);
    admin.streams.push({ ...stream, position: 0 });
    expect(await end('/api/v1/wait?position=1&timeoutSeconds=0.1')).toEqual({
      event: 'timeout',
      progress: { position: 1, acked: 0, total: 1, laggards: ['a.default'] },
    });
  });

  it('ends with the error when a proxy rejects the position', async () => {
    await admin.appendFacts([serviceRegistered(service('a'))]);
    admin.streams.push(stream);
    const subject = `proxy/${proxyId}`;
    const base = { proxyId, streamId: 's1', typeUrl: typeUrls.route, nonce: '1', position: 1 };
    await admin.appendDeliveries([
      {
        type: 'io.periplus.delivery.proxy-connected',
        subject,
        data: { ...base, pilot: 'p', peer: '', userAgent: 'envoy/1.40.0', protocol: 'delta', context: {} },
      },
      { type: 'io.periplus.delivery.pushed', subject, data: { ...base, manifest: 'm', whole: true, bytes: 1 } },
      { type: 'io.periplus.delivery.rejected', subject, data: { ...base, code: 13, message: 'no such cluster' } },
    ]);
    expect(await end('/api/v1/wait?position=1')).toMatchObject({
      event: 'rejected',
      progress: { error: 'a.default RDS: no such cluster' },
    });
    const response = await fetch(`${url}/api/v1/proxies`);
    const { items } = (await response.json()) as { items: ProxyStatus[] };
    expect(items).toMatchObject([{ name: 'a.default', connected: true, version: 'envoy/1.40.0' }]);
    expect(items[0]?.types.find(({ type }) => type === 'RDS')).toEqual({
      type: 'RDS',
      state: 'ERROR',
      sentPosition: 1,
      rejectedPosition: 1,
      error: 'no such cluster',
    });
  });

  it('refuses a position that does not exist', async () => {
    expect((await read('/api/v1/wait?position=5', last)).status).toBe(404);
  });
});

describe('progressOf', () => {
  it('takes a proxy with two streams for as far as the slower of them', () => {
    const streams = [
      stream,
      { ...stream, streamId: 's2', position: 0 },
      { ...stream, proxyId: 'sidecar~1~b.default~x' },
    ];
    expect(progressOf(streams, 1)).toEqual({ position: 1, acked: 1, total: 2, laggards: ['a.default'] });
  });
});
