import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../lib/clock.ts';
import type { FieldValue, Instance } from './handler.ts';
import { handlerContract } from './handler-contract.ts';
import { type ListParams, listchecker } from './listchecker.ts';
import { testMeans } from './report-fixture.ts';

const entry = (value: FieldValue): Instance => ({ template: 'listentry', name: 'who.default', fields: { value } });

/** A real HTTP server with one list. */
async function serving(text: string) {
  const state = { text, status: 200, asked: 0 };
  const server = createServer((_, response) => {
    state.asked++;
    response.writeHead(state.status).end(state.text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/list`;
  return { state, url, close: async () => void server.close() };
}

handlerContract('listchecker', async () => {
  const { state, url, close } = await serving('jason\n');
  return {
    kind: listchecker,
    handler: listchecker.create({ providerUrl: url }, testMeans),
    instances: [entry('jason')],
    breakBackEnd: async () => void (state.status = 500),
    close,
  };
});

describe('listchecker', () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-list-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const signal = new AbortController().signal;
  const codeOf = async (params: ListParams, value: FieldValue) =>
    (await listchecker.create(params, testMeans).check?.(entry(value), signal))?.status.code;
  let files = 0;
  const fileWith = (text: string) => {
    const path = join(folder, `${++files}.txt`);
    writeFileSync(path, text);
    return path;
  };

  it.each<[ListParams['entryType'], string, string, boolean]>([
    ['STRINGS', '# friends\njason\r\n\nmary ann\n', 'mary ann', true],
    ['STRINGS', 'jason\n', 'Jason', false],
    ['CASE_INSENSITIVE_STRINGS', 'Jason\n', 'jASON', true],
    ['IP_ADDRESSES', '10.0.0.0/8\n2001:db8::/32\n', '10.77.1.2', true],
    ['IP_ADDRESSES', '10.0.0.0/8\n2001:db8::/32\n', '2001:DB8:0::1', true],
    ['IP_ADDRESSES', 'whitelist:\n  - "10.0.0.1"\n  - 192.168.0.0/16\n', '192.168.3.4', true],
    ['IP_ADDRESSES', '10.0.0.0/8\n', '11.0.0.1', false],
    ['REGEX', '^v[12]$\n', 'v2', true],
    ['REGEX', '^v[12]$\n', 'v22', false],
  ])('%s: %j and %j', async (entryType = 'STRINGS', text, value, isListed) => {
    const providerUrl = fileWith(text);
    expect(await codeOf({ providerUrl, entryType }, value)).toBe(isListed ? 0 : 7);
    expect(await codeOf({ providerUrl: `file://${providerUrl}`, entryType, blacklist: true }, value)).toBe(
      isListed ? 7 : 0,
    );
  });

  it("refuses what is no address, be the list black or white; with a Policy's words it is not listed", async () => {
    const params = { providerUrl: fileWith('10.0.0.0/8\n'), entryType: 'IP_ADDRESSES' } as const;
    const refusal = { code: 7, message: 'no' };
    expect(await codeOf(params, '10.0.0.1, 11.0.0.1')).toBe(3);
    expect(await codeOf({ ...params, blacklist: true }, '10.0.0.1, 11.0.0.1')).toBe(3);
    expect(await codeOf({ ...params, blacklist: true, refusal }, '10.0.0.1, 11.0.0.1')).toBe(0);
  });

  it('adds the overrides; who has no value is not listed', async () => {
    const providerUrl = fileWith('jason\n');
    expect(await codeOf({ providerUrl, overrides: ['root'] }, 'root')).toBe(0);
    const handler = listchecker.create({ providerUrl, blacklist: true }, testMeans);
    expect(await handler.check?.({ ...entry(''), fields: {} }, signal)).toMatchObject({ status: { code: 0 } });
  });

  it('refuses a list of which a line is no entry, and says which', async () => {
    await expect(
      codeOf({ providerUrl: fileWith('10.0.0.1\n10.0.0.300\n'), entryType: 'IP_ADDRESSES' }, 'x'),
    ).rejects.toThrow(/line 2: no IP address or range: "10.0.0.300"/);
    await expect(codeOf({ providerUrl: fileWith('(a+\n'), entryType: 'REGEX' }, 'x')).rejects.toThrow(
      /line 1: no regular/,
    );
  });

  it('says why it can not read, without what may be a secret', async () => {
    await expect(codeOf({ providerUrl: join(folder, 'none') }, 'x')).rejects.toThrow(/none can't be read: ENOENT/);
    const { state, url, close } = await serving('');
    state.status = 403;
    await expect(codeOf({ providerUrl: `${url}?key=s3cret` }, 'x')).rejects.toThrow(
      /\/list can't be read: it answered 403/,
    );
    await close();
  });

  it('reads the list again, keeps the last one while it fails, and stops believing it after its ttl', async () => {
    let nowMs = 0;
    const wakes: (() => void)[] = [];
    const clock: Clock = { nowMs: () => nowMs, sleep: () => new Promise((resolve) => wakes.push(resolve)) };
    const { state, url, close } = await serving('a\n');
    const params: ListParams = { providerUrl: url, refreshInterval: '10s', ttl: '30s', cachingInterval: '60s' };
    const handler = listchecker.create(params, { ...testMeans, clock });
    const stop = new AbortController();
    const running = handler.run?.(stop.signal);
    const untilRead = async (times: number) => {
      await expect.poll(() => wakes.length, { timeout: 30_000 }).toBe(times);
    };
    const code = async (value: string) => (await handler.check?.(entry(value), signal))?.status.code;
    await untilRead(1);
    expect([await code('a'), await code('b')]).toEqual([0, 7]);
    expect((await handler.check?.(entry('a'), signal))?.validForMs).toBe(10_000);
    [state.text, nowMs] = ['b\n', 10_000];
    wakes[0]?.();
    await untilRead(2);
    expect([await code('a'), await code('b')]).toEqual([7, 0]);
    [state.status, nowMs] = [500, 20_000];
    wakes[1]?.();
    await untilRead(3);
    expect(await code('b')).toBe(0);
    nowMs = 40_001;
    await expect(code('b')).rejects.toThrow(/answered 500/);
    stop.abort();
    wakes[2]?.();
    await running;
    await close();
  });

  it('is asked once by many that wait', async () => {
    const { state, url, close } = await serving('a\n');
    const handler = listchecker.create({ providerUrl: url }, { ...testMeans, clock: systemClock });
    await Promise.all(Array.from({ length: 50 }, async () => await handler.check?.(entry('a'), signal)));
    expect(state.asked).toBe(1);
    await close();
  });
});
