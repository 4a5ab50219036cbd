import { createSocket } from 'node:dgram';
import { describe, expect, it } from 'vitest';
import { handlerContract } from './handler-contract.ts';
import { metricInstance, testMeans } from './report-fixture.ts';
import { statsd } from './statsd.ts';

/** A UDP port that keeps the lines it is sent. */
async function receiver() {
  const lines: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (packet) => lines.push(...packet.toString().split('\n')));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { lines, address: `127.0.0.1:${socket.address().port}`, close: async () => void socket.close() };
}

handlerContract('statsd', async () => {
  const { lines, address, close } = await receiver();
  const delivered = async () => lines.length;
  return {
    kind: statsd,
    handler: statsd.create({ address }, testMeans),
    instances: [metricInstance],
    delivered,
    close,
  };
});

describe('the statsd handler', () => {
  const signal = new AbortController().signal;

  it('names by prefix and template, types by the metric, and lets no dimension break the line', async () => {
    const { lines, address, close } = await receiver();
    const metrics = {
      'requestcount.default': { type: 'DISTRIBUTION', nameTemplate: 'r.{{.path}}.{{.code}}' },
    } as const;
    const hostile = { ...metricInstance, fields: { value: 7.5, dimensions: { path: 'a:1|c\nb', code: 200 } } };
    await statsd.create({ address, prefix: 'mesh', metrics }, testMeans).report?.([hostile], signal);
    await expect.poll(() => lines).toEqual(['mesh.r.a_1_c_b.200:7.5|ms']);
    await close();
  });

  it('samples evenly', async () => {
    const { lines, address, close } = await receiver();
    const handler = statsd.create({ address, samplingRate: 0.25 }, testMeans);
    await handler.report?.(
      Array.from({ length: 40 }, () => metricInstance),
      signal,
    );
    await expect.poll(() => lines).toEqual(Array.from({ length: 10 }, () => 'requestcount.default:1|c|@0.25'));
    await close();
  });

  it('refuses an address that is none', () => {
    expect(() => statsd.create({ address: 'a:b:c' }, testMeans)).toThrow(/expected HOST:PORT/);
  });
});
