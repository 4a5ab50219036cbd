import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type ConnectionGuard, type ConnectionLimits, guardConnections } from './connection-guard.ts';

/** Far away: what a case is not about. */
const wide: ConnectionLimits = {
  maxConnections: 100,
  maxPerAddress: 100,
  maxUnproven: 100,
  firstByteMs: 600_000,
  provenMs: 600_000,
  maxUnprovenBytes: 1e9,
};

describe('a guarded port', () => {
  let server: Server;
  let guard: ConnectionGuard;
  const clients: Socket[] = [];
  const accepted: Socket[] = [];

  async function listen(limits: Partial<ConnectionLimits>) {
    server = createServer();
    guard = guardConnections(server, { ...wide, ...limits });
    server.on('connection', (socket) => accepted.push(socket.on('error', () => {}).resume()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  /** Connects and waits until the server has seen it. */
  async function join(
    localAddress = '127.0.0.1',
  ): Promise<{ readonly client: Socket; readonly closed: Promise<unknown> }> {
    const seen = once(server, 'connection');
    const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', localAddress });
    client.on('error', () => {}).resume();
    const closed = once(client, 'close');
    clients.push(client);
    await Promise.all([seen, once(client, 'connect')]);
    return { client, closed };
  }
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    accepted.splice(0);
    server.close();
    await once(server, 'close');
  });

  it('closes the connection that is to end, and no other', async () => {
    await listen({});
    const [ended, other] = [await join(), await join()];
    const { remoteAddress, remotePort } = accepted[0] as Socket;
    guard.end(`${remoteAddress}:${remotePort}`);
    await ended.closed;
    expect(other.client.closed).toBe(false);
    await vi.waitFor(() => expect(guard.count().all).toBe(1));
  });

  it('closes a connection that sends nothing', async () => {
    await listen({ firstByteMs: 20 });
    await (await join()).closed;
  });

  it('closes a connection that sends and never shows to be useful, and keeps one that did', async () => {
    await listen({ provenMs: 50 });
    const useful = await join();
    guard.prove(accepted[0] as Socket);
    const useless = await join();
    useful.client.write('x');
    useless.client.write('x');
    await Promise.all([useless.closed, once(accepted[1] as Socket, 'close')]);
    expect(useful.client.destroyed).toBe(false);
    expect(guard.count()).toEqual({ all: 1, unproven: 0 });
  });

  it('makes room at the cost of the address with most strangers, not of those who came before it', async () => {
    await listen({ maxUnproven: 3 });
    const other = await join('127.0.0.2');
    const crowd = [await join('127.0.0.3'), await join('127.0.0.3'), await join('127.0.0.3'), await join('127.0.0.3')];
    await Promise.all([crowd[0]?.closed, crowd[1]?.closed]);
    expect([other, crowd[2], crowd[3]].map((one) => one?.client.destroyed)).toEqual([false, false, false]);
  });

  it('has an address with its share make room among its own strangers, refuses it without any, and serves others', async () => {
    await listen({ maxPerAddress: 2 });
    const other = await join('127.0.0.4');
    const useful = await join('127.0.0.2');
    guard.prove(accepted[1] as Socket);
    const stranger = await join('127.0.0.2');
    await join('127.0.0.2');
    await stranger.closed;
    guard.prove(accepted[3] as Socket);
    await (await join('127.0.0.2')).closed;
    expect((await join('127.0.0.3')).client.destroyed).toBe(false);
    useful.client.destroy();
    await once(accepted[1] as Socket, 'close');
    const next = await join('127.0.0.2');
    await vi.waitFor(() => expect(guard.count().all).toBe(4));
    expect([next, other].map(({ client }) => client.destroyed)).toEqual([false, false]);
  });

  it('makes room by closing the oldest stranger, never one that is useful', async () => {
    await listen({ maxUnproven: 2 });
    const useful = await join();
    guard.prove(`127.0.0.1:${useful.client.localPort}`);
    const oldest = await join();
    await join();
    const newest = await join();
    await oldest.closed;
    expect([useful, newest].map(({ client }) => client.destroyed)).toEqual([false, false]);
  });

  it('refuses the next when all that are there are useful', async () => {
    await listen({ maxConnections: 2 });
    for (let i = 0; i < 2; i++) {
      await join();
      guard.prove(accepted[i] as Socket);
    }
    await (await join()).closed;
    expect(guard.count()).toEqual({ all: 2, unproven: 0 });
  });

  it('closes who sent most when strangers sent too much together', async () => {
    await listen({ maxUnprovenBytes: 1_000_000 });
    const [small, large] = [await join(), await join()];
    small.client.write(Buffer.alloc(100_000));
    large.client.write(Buffer.alloc(950_000));
    await large.closed;
    expect(small.client.destroyed).toBe(false);
  });
});
