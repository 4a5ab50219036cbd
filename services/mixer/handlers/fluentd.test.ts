import { createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { fluentd } from './fluentd.ts';
import { handlerContract } from './handler-contract.ts';
import { type Packable, pack, unpack } from './message-pack.ts';
import { logInstance, testMeans } from './report-fixture.ts';

/** Takes and confirms forward messages as Fluentd does: a stand-in, written from the protocol's specification. */
async function receiver() {
  const records: Packable[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let bytes = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      bytes = Buffer.concat([bytes, data]);
      for (let message = unpack(bytes); message; message = unpack(bytes)) {
        bytes = bytes.subarray(message.length);
        const [tag, entries, { chunk }] = message.value as [string, [number, Packable][], { chunk: string }];
        records.push(...entries.map(([time, record]) => ({ tag, time, record })));
        socket.write(pack({ ack: chunk }));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { records, address: `127.0.0.1:${port}`, close };
}

handlerContract('fluentd', async () => {
  const { records, address, close } = await receiver();
  const delivered = async () => records.length;
  const handler = fluentd.create({ address }, testMeans);
  return { kind: fluentd, handler, instances: [logInstance], delivered, breakBackEnd: close, close };
});

describe('the fluentd handler', () => {
  it('sends each entry with its time, tagged by its instance', async () => {
    const { records, address, close } = await receiver();
    await fluentd.create({ address }, testMeans).report?.([logInstance], AbortSignal.timeout(10_000));
    expect(records).toEqual([
      {
        tag: 'accesslog.default',
        time: Date.UTC(2026, 10, 22, 12) / 1000,
        record: { method: 'GET', code: 200, level: 'not Mixer’s', severity: 'info' },
      },
    ]);
    await close();
  });

  it('takes the variable tag for the tag, and names the instance then', async () => {
    const { records, address, close } = await receiver();
    const fields = { ...logInstance.fields, variables: { tag: 'web.access', code: 200 } };
    await fluentd.create({ address }, testMeans).report?.([{ ...logInstance, fields }], AbortSignal.timeout(10_000));
    expect(records).toMatchObject([
      { tag: 'web.access', record: { code: 200, name: 'accesslog.default', severity: 'info' } },
    ]);
    await close();
  });
});

describe('MessagePack', () => {
  it.each<[string, Packable]>([
    ['numbers', [0, 127, 128, -1, 1.5, 1_700_000_000_000, Number.MAX_SAFE_INTEGER]],
    ['texts', ['', 'é', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(300), 'x'.repeat(70_000)]],
    ['others', [true, false, null, { a: { b: [] } }]],
    ['long lists', Array.from({ length: 70_000 }, (_, i) => i % 100)],
  ])('reads %s as they were written', (_, value) => {
    const bytes = pack(value);
    expect(unpack(bytes)).toEqual({ value, length: bytes.length });
    expect(unpack(bytes.subarray(0, -1))).toBeUndefined();
  });
});
