// Three nats-servers: whoever leads the stream is killed while it is written to; nothing acknowledged is lost, doubled or out of order.
import { afterAll, describe, expect, it } from 'vitest';
import { collect, idsOf, succeeded, testAppends } from '../events/logs/contract-fixture.ts';
import { openJetStreamLogs } from '../events/logs/jetstream.ts';
import { TestNats } from './support/nats.ts';

const started = await TestNats.startCluster();
const why = 'why' in started ? `: skipped, no nats-server can be had: ${started.why}` : '';
const servers = started as readonly TestNats[];

describe.skipIf(why !== '')(`a JetStreamLog in a cluster${why}`, () => {
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.dispose()));
  });

  const hosts = () => servers.map((server) => `127.0.0.1:${server.port}`).join(',');
  const url = () => `nats://${hosts()}/shop?replicas=3`;
  const leader = async () => {
    for (const server of servers) {
      const response = await fetch(`http://127.0.0.1:${server.monitoringPort}/jsz?streams=true`).catch(() => undefined);
      const found = (await response?.json()) as { account_details?: { stream_detail?: Detail[] }[] } | undefined;
      const details = found?.account_details?.flatMap((account) => account.stream_detail ?? []) ?? [];
      const name = details.find((detail) => detail.name === 'shop-facts')?.cluster.leader;
      if (name !== undefined && name !== '') return servers[Number(name.slice(1))] as TestNats;
    }
    throw new Error('nobody leads the stream');
  };

  it('keeps every acknowledged event when its leader is killed under load, twice', { timeout: 90_000 }, async () => {
    const [one, two] = [await openJetStreamLogs(url()), await openJetStreamLogs(url())];
    const acknowledged = new Map<number, string>();
    let stop = false;
    let failures = 0;
    const write = async ({ facts }: typeof one, name: string) => {
      for (let i = 0; !stop; i++) {
        const batch = testAppends(`${name}-${i}-`, 5);
        for (;;) {
          try {
            for (const { position, id } of succeeded(await facts.append(batch)).events) acknowledged.set(position, id);
            break;
          } catch (error) {
            expect(error).toMatchObject({ code: 'unavailable' });
            failures++;
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        }
      }
    };
    const writing = Promise.all([write(one, 'one'), write(two, 'two')]);
    const more = async (count: number) => {
      const target = acknowledged.size + count;
      while (acknowledged.size < target) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    for (let round = 0; round < 2; round++) {
      await more(200);
      const killed = await leader();
      await killed.kill();
      await more(200);
      await killed.restart();
    }
    await more(100);
    stop = true;
    await writing;
    const reader = await openJetStreamLogs(url());
    const events = await collect(reader.facts.read());
    expect(failures).toBeGreaterThan(0);
    for (const [position, id] of acknowledged) expect(events[position - 1]?.id).toBe(id);
    expect(new Set(idsOf(events)).size).toBe(events.length);
    for (const { facts } of [one, two, reader]) expect(await facts.verify()).toMatchObject({ ok: true });
    for (const logs of [one, two, reader]) await Promise.all([logs.facts.close(), logs.deliveries.close()]);
  });
});

interface Detail {
  readonly name: string;
  readonly cluster: { readonly leader: string };
}
