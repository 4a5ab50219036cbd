// Shared counts on a real server: conditional writes, values that run out, a server that is away and comes back.
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { TestNats } from '../../test/support/nats.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import type { CountStore } from '../count-store.ts';
import { countStoreContract } from './counts-contract.ts';
import { JetStreamFixture } from './jetstream-fixture.ts';

const started = await TestNats.start();
const why = started instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${started.why}`;
const server = started as TestNats;

describe.skipIf(why !== '')(`NatsCounts${why}`, { timeout: 60_000 }, () => {
  const fixture = new JetStreamFixture(server);
  afterEach(async () => {
    await fixture.closeAll();
    fixture.nextMesh();
  });
  afterAll(async () => {
    await server.dispose();
  });

  const open = async (): Promise<CountStore> => {
    const { counts } = await fixture.openUrl(server.url(fixture.mesh));
    if (counts === undefined) throw new Error('no counts');
    return counts;
  };
  countStoreContract(open);

  it('forgets a value when its time has run out; a new one begins at revision 0', async () => {
    const counts = await open();
    await counts.write('a', 'one', { revision: 0, keepMs: 100 });
    await waitFor(async () => (await counts.read('a')) === undefined, { what: 'the value to run out' });
    expect(await counts.write('a', 'two', { revision: 0, keepMs: 60_000 })).toBeTypeOf('number');
  });

  it('rejects while the server is away, and counts again when it is back', async () => {
    const counts = await open();
    await counts.write('a', 'one', { revision: 0, keepMs: 60_000 });
    await server.kill();
    await expect(counts.write('a', 'two', { revision: 1, keepMs: 60_000 })).rejects.toThrow(/NATS/);
    await server.restart();
    const read = async () =>
      await counts.read('a').then(
        (value) => value ?? 'lost',
        () => undefined,
      );
    await waitFor(async () => (await read()) !== undefined, { what: 'an answer', limitMs: 30_000 });
    // It was in memory.
    expect(await read()).toBe('lost');
    expect(await counts.write('a', 'two', { revision: 0, keepMs: 60_000 })).toBeTypeOf('number');
  });
});
