// Leases on a real server: one holder, taken over when it is gone, kept over a restart of the server.
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { TestNats } from '../../test/support/nats.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import type { Lease, Leases } from '../lease.ts';
import { JetStreamFixture } from './jetstream-fixture.ts';

const started = await TestNats.start();
const why = started instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${started.why}`;
const server = started as TestNats;

describe.skipIf(why !== '')(`NatsLeases${why}`, { timeout: 60_000 }, () => {
  const fixture = new JetStreamFixture(server);
  const stop = new AbortController();

  afterEach(async () => {
    await fixture.closeAll();
    fixture.nextMesh();
  });
  afterAll(async () => {
    stop.abort();
    await server.dispose();
  });

  const open = async (seconds: number): Promise<Leases> => {
    const { leases } = await fixture.openUrl(`${server.url(fixture.mesh)}?lease=${seconds}`);
    if (leases === undefined) throw new Error('no leases');
    return leases;
  };
  /** Asks for a lease; `lease` is set once it is had, `others` names who had it before. */
  const ask = (leases: Leases, holder: string, name = 'adapters/consul/dc 1.ä') => {
    const asked: { lease?: Lease; others: Set<string>; had?: Promise<Lease> } = { others: new Set() };
    asked.had = leases.acquire(name, { holder, signal: stop.signal, onStandby: (other) => asked.others.add(other) });
    asked.had.then(
      (lease) => (asked.lease = lease),
      () => {},
    );
    return asked;
  };

  it('have one holder, and the next when it is released', async () => {
    const one = ask(await open(60), 'one');
    const first = await one.had;
    const two = ask(await open(60), 'two');
    await waitFor(() => two.others.has('one'), { what: 'two to stand by' });
    expect(two.lease).toBeUndefined();
    expect(await first?.confirm()).toBe(true);
    await first?.release();
    const second = await two.had;
    expect(second?.epoch).toBeGreaterThan(first?.epoch ?? Number.POSITIVE_INFINITY);
    expect(await second?.confirm()).toBe(true);
    await second?.release();
  });

  it('are listed with who has each and who waits for it, as long as they do', async () => {
    const leases = await open(60);
    const held = await ask(leases, 'one').had;
    const two = ask(await open(60), 'two');
    await waitFor(() => two.others.has('one'), { what: 'two to stand by' });
    const other = await ask(leases, 'three', 'adapters/files/').had;
    const name = 'adapters/consul/dc 1.ä';
    const files = { name: 'adapters/files/', holder: 'three', standby: [] };
    await waitFor(async () => ((await leases.list?.('adapters')) ?? []).some(({ standby }) => standby.length > 0), {
      what: 'two to be seen',
    });
    expect(await leases.list?.('adapters')).toEqual([{ name, holder: 'one', standby: ['two'] }, files]);
    expect(await leases.list?.('mirror')).toEqual([]);
    await held?.release();
    const second = await two.had;
    expect(await leases.list?.('adapters')).toEqual([{ name, holder: 'two', standby: [] }, files]);
    await second?.release();
    await other?.release();
    expect(await leases.list?.('adapters')).toEqual([]);
  });

  it('of different names do not meet', async () => {
    const leases = await open(60);
    const [one, two] = await Promise.all([ask(leases, 'a', 'adapters/a').had, ask(leases, 'b', 'adapters/b').had]);
    expect(await Promise.all([one?.confirm(), two?.confirm()])).toEqual([true, true]);
  });

  it('pass on when the holder is gone without a word, and it learns of it', async () => {
    const gone = ask(await open(1), 'gone');
    await gone.had;
    await fixture.closeAll();
    const next = ask(await open(1), 'next');
    await next.had;
    expect(next.lease).toBeDefined();
    expect(await gone.lease?.confirm().catch(() => 'away')).toBe('away');
  });

  it('are lost by a holder whose key has been taken', async () => {
    const lease = await ask(await open(60), 'old').had;
    const subject = `$KV.${fixture.mesh}-leases.adapters.consul.dc=201=2e=c3=a4`;
    await fixture.request(subject, JSON.stringify({ holder: 'new', term: 'x' }));
    expect(await lease?.confirm()).toBe(false);
    expect(lease?.lost.aborted).toBe(true);
  });

  it('outlast a restart of the server that is shorter than they are', async () => {
    const lease = await ask(await open(60), 'one').had;
    await server.kill();
    await expect(lease?.confirm()).rejects.toMatchObject({ code: 'unavailable' });
    await server.restart();
    await waitFor(async () => (await lease?.confirm().catch(() => false)) === true, { what: 'the lease again' });
    expect(lease?.lost.aborted).toBe(false);
  });
});
