// `tls://`: the log over TLS with an nkey on a real server; a server that can't prove who it is gets nothing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { TestNats } from '../../test/support/nats.ts';
import { testCertificate } from '../../test/support/test-certificate.ts';
import { succeeded, testAppend } from './contract-fixture.ts';
import { openJetStreamLogs } from './jetstream.ts';
import { authorizationFile, writeNatsKeys } from './jetstream-keys.ts';

const scratch = mkdtempSync(join(tmpdir(), 'periplus-nats-tls-'));
const file = (name: string, text: string) => {
  writeFileSync(join(scratch, name), text, { mode: 0o600 });
  return join(scratch, name);
};
const { certificate, privateKey } = testCertificate('localhost');
const ca = file('ca.pem', certificate);
const otherCa = file('other.pem', testCertificate('localhost').certificate);
const [key] = writeNatsKeys({ directory: join(scratch, 'keys'), mesh: 'shop', roles: ['pilot'] });
const tls = `tls { cert_file: "${ca}", key_file: "${file('key.pem', privateKey)}" }`;
const started = await TestNats.start({
  more: `${tls}\ninclude "../${scratch.split('/').at(-1)}/keys/${authorizationFile}"`,
});
const why = started instanceof TestNats ? '' : `: skipped, no nats-server can be had: ${started.why}`;
const server = started as TestNats;

describe.skipIf(why !== '')(`openJetStreamLogs over TLS${why}`, { timeout: 60_000 }, () => {
  afterAll(async () => {
    await server.dispose();
    rmSync(scratch, { recursive: true, force: true });
  });

  const open = (scheme: string, query: string) =>
    openJetStreamLogs(`${scheme}://localhost:${server.port}/shop?${key?.query ?? ''}${query}`, {
      signal: AbortSignal.timeout(5_000),
    });

  it('takes a server that the CA file vouches for', async () => {
    const logs = await open('tls', `&ca=${ca}`);
    succeeded(await logs.facts.append([testAppend('1', 'config/a')]));
    expect(await logs.facts.verify()).toMatchObject({ ok: true, events: 1 });
    await Promise.all([logs.facts.close(), logs.deliveries.close()]);
  });

  it('refuses another one at once, saying why', async () => {
    await expect(open('tls', `&ca=${otherCa}`)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/certificate/),
    });
    await expect(open('tls', '')).rejects.toMatchObject({ code: 'invalid' });
    await expect(open('tls', '&ca=/nowhere/ca.pem')).rejects.toMatchObject({ code: 'invalid' });
  });
});
