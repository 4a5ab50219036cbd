import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type IdentityFlags, identitySourceOf, joinTokenVariable } from './proxy-identity.ts';

const folder = mkdtempSync(join(tmpdir(), 'periplus-flags-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const read = (flags: IdentityFlags, env: Record<string, string> = {}) =>
  identitySourceOf(flags, { workingDirectory: folder, env });

describe('flags of a proxy’s identity', () => {
  it('give none without a Citadel, and refuse what needs one', () => {
    expect(read({})).toBeUndefined();
    expect(() => read({ joinTokenFile: 'token' })).toThrow('need --citadel');
  });

  it('name what is wrong', () => {
    expect(() => read({ citadel: ['citadel'] })).toThrow('--citadel "citadel": give HOST:PORT');
    expect(() => read({ citadel: ['c:8060'], trustDomain: 'A B' })).toThrow('--trust-domain "A B"');
    expect(() => read({ citadel: ['c:8060'], tokenFile: 'a', joinTokenFile: 'b' })).toThrow('give one of');
  });

  it('read a platform’s token anew each time, a join token only while there is no SVID', async () => {
    writeFileSync(join(folder, 'token'), 'first\n');
    const platform = read({ citadel: ['c:8060'], tokenFile: 'token' });
    expect(await platform?.token(true)).toBe('first');
    writeFileSync(join(folder, 'token'), 'second\n');
    expect(await platform?.token(true)).toBe('second');
    const machine = read({ citadel: ['c:8060'], joinTokenFile: 'token' });
    expect(await machine?.token(false)).toBe('second');
    expect(await machine?.token(true)).toBeUndefined();
  });

  it('take a join token from the environment', async () => {
    const source = read({ citadel: ['c:8060'] }, { [joinTokenVariable]: 'pjt_x' });
    expect(await source?.token(false)).toBe('pjt_x');
  });

  it('say which file with roots is missing, when they are needed', async () => {
    await expect(read({ citadel: ['c:8060'], citadelRoots: 'no.pem' })?.roots()).rejects.toThrow('no.pem is missing');
    await expect(read({ citadel: ['c:8060'] })?.roots()).rejects.toThrow('give --citadel-roots FILE');
  });
});
