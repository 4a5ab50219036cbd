import { describe, expect, it } from 'vitest';
import { identitySubject } from '../../../events/identity-facts.ts';
import { MemoryLog } from '../../../events/logs/memory.ts';
import { BanCheck } from './ban-check.ts';

const web = 'spiffe://cluster.local/ns/shop/sa/web';
const other = 'spiffe://cluster.local/ns/shop/sa/other';
let ids = 0;

async function append(facts: MemoryLog, verb: 'banned' | 'unbanned' | 'issued', spiffeId = web) {
  const type = verb === 'issued' ? 'io.periplus.identity.certificate-issued' : `io.periplus.identity.identity-${verb}`;
  const envelope = { id: `${ids++}`, source: '/test', subject: identitySubject(spiffeId), actor: 'user:test' };
  const event = { ...envelope, type, time: '2026-11-22T00:00:00.000Z', causes: [], data: { spiffeId, reason: '' } };
  await facts.append([{ event }]);
}

/** Counts what is read. */
class CountingLog extends MemoryLog {
  events = 0;
  override async *read(options: Parameters<MemoryLog['read']>[0]) {
    for await (const event of super.read(options)) {
      this.events++;
      yield event;
    }
  }
}

describe('a ban check', () => {
  it('knows at once what was appended before it was asked, by anybody', async () => {
    const facts = new MemoryLog();
    const bans = new BanCheck(facts);
    expect(await bans.isBanned(web)).toBe(false);
    await append(facts, 'banned');
    expect([await bans.isBanned(web), await bans.isBanned(other)]).toEqual([true, false]);
    await append(facts, 'unbanned');
    expect(await bans.isBanned(web)).toBe(false);
    const before = bans.isBanned(web);
    await append(facts, 'banned');
    // Asked while a reading is under way that began before the ban.
    expect(await Promise.all([bans.isBanned(web), bans.isBanned(other)])).toEqual([true, false]);
    await before;
  });

  it('finds a ban behind more certificates than it would look at one by one', async () => {
    const facts = new MemoryLog();
    await append(facts, 'banned');
    for (let i = 0; i < 1_500; i++) await append(facts, 'issued');
    expect(await new BanCheck(facts).isBanned(web)).toBe(true);
  });

  it('reads no ban twice, however often it is asked', async () => {
    const facts = new CountingLog();
    for (let i = 0; i < 20; i++) await append(facts, i % 2 ? 'unbanned' : 'banned', other);
    const bans = new BanCheck(facts);
    for (let i = 0; i < 50; i++) await bans.isBanned(web);
    await Promise.all(Array.from({ length: 50 }, () => bans.isBanned(other)));
    expect(facts.events).toBe(20);
  });

  it('rejects while the log can not be read, and lets nobody in', async () => {
    const facts = new MemoryLog();
    const bans = new BanCheck(facts);
    await facts.close();
    await expect(bans.isBanned(web)).rejects.toThrow();
    await expect(bans.isBanned(web)).rejects.toThrow();
  });
});
