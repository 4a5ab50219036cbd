import { describe, expect, it } from 'vitest';
import { credentialProgram, type ExecConfig } from './exec-credentials.ts';

const apiVersion = 'client.authentication.k8s.io/v1';
/** A program that writes what `code` (of Node) writes. */
const config = (code: string, of: Partial<ExecConfig> = {}): ExecConfig => ({
  ...{ apiVersion, command: process.execPath, args: ['-e', code], env: {} },
  ...of,
});
const answering = (status: string) =>
  config(`console.log(JSON.stringify({ apiVersion: '${apiVersion}', kind: 'ExecCredential', status: ${status} }))`);
const now = 'String(process.hrtime.bigint())';

describe('credentials from a program', () => {
  it('are kept until shortly before they end, or until the server refuses them', async () => {
    let nowMs = Date.parse('2026-11-22T12:00:00Z');
    const clock = { nowMs: () => nowMs, sleep: async () => {} };
    const program = credentialProgram(
      answering(`{ token: ${now}, expirationTimestamp: '2026-11-22T12:15:00Z' }`),
      clock,
    );
    const [first, same] = await Promise.all([program.current(), program.current()]);
    expect(first.token).toMatch(/^\d+$/);
    expect(same).toEqual(first);
    nowMs += 14 * 60_000;
    expect(await program.current()).toEqual(first);
    nowMs += 55_000;
    const second = await program.current();
    expect(second.token).not.toBe(first.token);
    nowMs -= 10 * 60_000;
    program.refused();
    expect((await program.current()).token).not.toBe(second.token);
  });

  it('may be a certificate', async () => {
    const program = credentialProgram(answering("{ clientCertificateData: 'C', clientKeyData: 'K' }"));
    expect(await program.current()).toEqual({ client: { certificate: 'C', key: 'K' } });
  });

  it.each<[string, ExecConfig, RegExp]>([
    ['there is none', config('', { command: 'periplus-no-such-program' }), /no such program/],
    ['it fails', config("console.error('s3cret'); process.exit(3)"), /it ended with 3/],
    ['it writes no JSON', config("console.log('s3cret')"), /not JSON/],
    [
      'it answers in another version',
      config('console.log(\'{"kind":"ExecCredential","apiVersion":"v9"}\')'),
      /no ExecCredential/,
    ],
    ['it gives nothing', answering('{}'), /neither a token nor a certificate/],
    ['its end is no time', answering("{ token: 's3cret', expirationTimestamp: 's3cret' }"), /is no time/],
  ])('are missed when %s, which is said without what it wrote', async (_, wrong, message) => {
    const error = await credentialProgram(wrong)
      .current()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'unavailable', message: expect.stringMatching(message) });
    expect(`${String((error as Error).stack)}${String((error as Error).cause)}`).not.toContain('s3cret');
  });
});
