import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { admitInTurn } from './admission.ts';

const endings: (() => unknown)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

/** A port that lets in by the rule, and what it let in. */
async function port(options: { readonly perTurn?: number; readonly hasRoom?: () => boolean }) {
  const admitted: string[] = [];
  const turns: number[] = [];
  let turn = 0;
  const admit = (socket: Socket) => {
    const now = turn;
    turns[now] = (turns[now] ?? 0) + 1;
    if (turns[now] === 1) setImmediate(() => turn++);
    admitted.push(String(socket.read()));
    socket.end('in');
  };
  const offer = admitInTurn({ perTurn: 2, hasRoom: () => true, ...options, admit });
  const server = createServer(offer);
  endings.push(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = Object(server.address()) as { readonly port: number };
  const client = async (says?: string) => {
    const socket = connect(address.port, '127.0.0.1').on('error', () => {});
    endings.push(() => socket.destroy());
    await once(socket, 'connect');
    if (says !== undefined) socket.write(says);
    return socket;
  };
  return { admitted, turns, client };
}

describe('admission', () => {
  it('lets everybody in who speaks, a few in a turn, with what they said', async () => {
    const { admitted, turns, client } = await port({});
    const clients = await Promise.all(Array.from({ length: 20 }, (_, i) => client(`hello ${i}`)));
    for (const socket of clients) expect(String((await once(socket, 'data'))[0])).toBe('in');
    expect(admitted.sort()).toEqual(clients.map((_, i) => `hello ${i}`).sort());
    expect(Math.max(...turns)).toBeLessThanOrEqual(2);
  });

  it('is not held up by who says nothing', async () => {
    const { admitted, client } = await port({ perTurn: 1 });
    for (let i = 0; i < 50; i++) await client();
    await once(await client('hello'), 'data');
    expect(admitted).toEqual(['hello']);
  });

  it('waits while there is no room, and then lets the newest in first', async () => {
    let isFull = true;
    const { admitted, client } = await port({ hasRoom: () => !isFull });
    const clients: Socket[] = [];
    for (const name of ['first', 'second', 'third']) {
      clients.push(await client(name));
      await new Promise((resolve) => setImmediate(resolve));
    }
    clients[1]?.destroy();
    expect(admitted).toEqual([]);
    isFull = false;
    await Promise.all([clients[0], clients[2]].map(async (socket) => socket && (await once(socket, 'data'))));
    expect(admitted).toContain('first');
    expect(admitted.indexOf('third')).toBeLessThan(admitted.indexOf('first'));
  });
});
