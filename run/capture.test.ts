import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { capturePlatform, replayFile } from './capture.ts';

const root = resolve(import.meta.dirname, '..');
const captures = globSync('adapters/*/testdata/*.capture', { cwd: root }).sort();
const scratch = mkdtempSync(join(tmpdir(), 'periplus-capture-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('what was captured gives the facts that it gave then', () => {
  it('of three platforms', () => expect(captures).toHaveLength(3));
  it.each(captures)('%s', async (file) => {
    const { facts, differing, passedOver } = await replayFile(join(root, file));
    expect(differing).toEqual([]);
    expect(passedOver).toBe(0);
    expect(facts.length).toBeGreaterThan(3);
  });

  it('and a difference is named', async () => {
    const file = join(scratch, 'other.capture');
    const text = readFileSync(join(root, 'adapters/consul/testdata/services.capture'), 'utf8');
    writeFileSync(file, text.replaceAll('\\"Port\\":8080', '\\"Port\\":8081'));
    const { differing } = await replayFile(file);
    expect(differing.length).toBeGreaterThan(0);
    expect(differing.every((subject) => subject.startsWith('registry/consul/'))).toBe(true);
  });
});

describe('a file that is no capture', () => {
  it.each([
    ['{"a":1}\n', /is no capture/],
    ['{"capture":1,"platform":"consul"}\n', /was cut off/],
    ['{"capture":1}\nhello\n', /:2: is no line of a capture/],
  ])('%j', async (text, message) => {
    const file = join(scratch, 'bad.capture');
    writeFileSync(file, text);
    await expect(replayFile(file)).rejects.toMatchObject({ code: 'invalid', message });
  });

  it('is not written over', async () => {
    const file = join(scratch, 'mine.txt');
    writeFileSync(file, 'mine');
    const io = { clock: { nowMs: () => 0, sleep: async () => {} }, signal: new AbortController().signal };
    const options = { file, forMs: 1, io: io as never };
    const flags = { consul: 'http://127.0.0.1:1' };
    await expect(capturePlatform(flags, options)).rejects.toMatchObject({ code: 'usage', message: /exists/ });
    await expect(capturePlatform({}, options)).rejects.toThrow(/name one platform/);
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });
});
