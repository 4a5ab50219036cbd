// The admin API beyond this machine, as processes: no answer without proof; tokens and client certificates, over TLS, with the command line.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueCa, issueSvid } from '../services/citadel/x509/issue.ts';
import { generateKeyPair } from '../services/citadel/x509/keys.ts';
import { freePorts } from './support/free-port.ts';
import { periplus, RunningPeriplus } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

/** An address of this machine at which its own callers look like another machine's. */
const address = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
const why = address === undefined ? ': skipped, this machine has no address but loopback' : '';

const manifest = (name: string) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: default }
spec: { hosts: [${name}.mesh], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: NONE }
`;
const pem = (label: string, der: Buffer) =>
  `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;

describe.skipIf(why !== '')(`the admin API beyond this machine${why}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-access-'));
  const file = (name: string, text = '') => {
    if (text) writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const data = join(folder, 'data');
  let process: RunningPeriplus;
  let server = '';
  let here = '';
  const secrets: string[] = [];

  beforeAll(async () => {
    const [admin = 0, xds = 0, metrics = 0] = await freePorts(3);
    await makeCertificates();
    const make = async (name: string, role: string) => {
      const { code, stdout, stderr } = await periplus([
        'admin',
        'token',
        'create',
        name,
        '--role',
        role,
        '--data',
        data,
      ]);
      expect(code, stderr).toBe(0);
      secrets.push(stdout.trim());
      return stdout.trim();
    };
    file('reader', await make('reader', 'read'));
    file('writer', await make('writer', 'write'));
    const tls = [
      '--admin-tls-cert',
      file('server.pem'),
      '--admin-tls-key',
      file('server.key'),
      '--admin-tls-client-ca',
      file('ca.pem'),
    ];
    const clients = ['--admin-client', 'write=spiffe://cluster.local/ns/ops/sa/anna'];
    const ports = ['--admin-port', String(admin), '--xds-port', String(xds), '--metrics-port', String(metrics)];
    const args = ['--roles', 'pilot', '--host', '0.0.0.0', '--data', data, ...ports, ...tls, ...clients];
    process = new RunningPeriplus(['serve', ...args]);
    server = `https://${address}:${admin}`;
    here = `https://localhost:${admin}`;
    await process.untilServing(`http://${address}:${metrics}/readyz`);
  });
  afterAll(async () => {
    await process?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A CA, a server certificate, and client certificates: a known name, an unknown one, and the known one from another CA. */
  async function makeCertificates() {
    const nowMs = Date.now();
    const authority = async (name: string) => {
      const keys = await generateKeyPair('ecdsa-p256');
      const made = await issueCa({ trustDomain: 'cluster.local', name, keys, nowMs, lifeMs: 3_600_000, pathLength: 0 });
      return { certificate: made.certificate, keys };
    };
    const [ca, other] = [await authority('ours'), await authority('other')];
    const leaf = async (name: string, account: string, issuer: typeof ca, dnsNames: readonly string[] = []) => {
      const keys = await generateKeyPair('ecdsa-p256');
      const id = { trustDomain: 'cluster.local', namespace: 'ops', serviceAccount: account };
      const made = await issueSvid({ id, publicKey: keys.publicKey, issuer, nowMs, lifeMs: 3_600_000, dnsNames });
      file(`${name}.pem`, made.certificate);
      file(`${name}.key`, pem('PRIVATE KEY', keys.pkcs8));
    };
    file('ca.pem', ca.certificate);
    await leaf('server', 'pilot', ca, ['localhost', 'pilot.example']);
    await leaf('anna', 'anna', ca);
    await leaf('ben', 'ben', ca);
    await leaf('forged', 'anna', other);
  }

  /** The certificate names no address: what is asked is sent to `address` under a name that it has. */
  const run = async (args: readonly string[], input?: string) => {
    const lookup = file('lookup.mjs', lookupHook(String(address)));
    const env = { NODE_OPTIONS: `--import ${lookup}`, PERIPLUS_ACTOR: 'mallory' };
    const at = ['--server', server.replace(String(address), 'pilot.example'), '--ca', file('ca.pem')];
    return await periplus([...args, ...at], { env, ...(input !== undefined && { input }) });
  };
  const certificate = (name: string) => ['--cert', file(`${name}.pem`), '--key', file(`${name}.key`)];

  it('answers nobody without proof', async () => {
    const { code, stderr } = await run(['get', 'services']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('periplus admin token create')]);
    const wrong = await run(['get', 'services', '--token', `${secrets[0]?.slice(0, -2)}AA`]);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('not known here')]);
  });

  it('is not believed without its CA', async () => {
    const { code } = await periplus(['get', 'services', '--server', here, '--token-file', file('reader')]);
    expect(code).toBe(3);
  });

  it('lets a reader read, and a writer change under the name of the token', async () => {
    expect(await run(['get', 'services', '--token-file', file('reader')])).toMatchObject({ code: 0 });
    const refused = await run(['apply', '-f', '-', '--token-file', file('reader')], manifest('one'));
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('role read')]);
    expect(await run(['apply', '-f', '-', '--token-file', file('writer')], manifest('one'))).toMatchObject({ code: 0 });
    const { stdout } = await run(['history', 'ServiceEntry/one', '--token-file', file('reader')]);
    expect(stdout).toContain('token:writer');
    expect(stdout).not.toContain('mallory');
  });

  it('knows client certificates by their SPIFFE ID', async () => {
    const applied = await run(['apply', '-f', '-', ...certificate('anna')], manifest('two'));
    expect(applied, applied.stderr).toMatchObject({ code: 0 });
    expect((await run(['history', 'ServiceEntry/two', ...certificate('anna')])).stdout).toContain(
      'spiffe://cluster.local/ns/ops/sa/anna',
    );
    const unknown = await run(['get', 'services', ...certificate('ben')]);
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('has no role')]);
    const forged = await run(['get', 'services', ...certificate('forged')]);
    expect([forged.code, forged.stderr]).toEqual([1, expect.stringContaining('needs a token')]);
  });

  it('needs no proof of this machine’s users', async () => {
    const { code, stderr } = await periplus(['get', 'services', '--server', here, '--ca', file('ca.pem')]);
    expect(code, stderr).toBe(0);
  });

  it('takes a new certificate while it runs', async () => {
    await makeCertificates();
    await waitFor(
      async () => (await periplus(['get', 'services', '--server', here, '--ca', file('ca.pem')])).code === 0,
      { what: 'the new certificate', limitMs: 60_000 },
    );
  });

  it('forgets a revoked token at once', async () => {
    const revoked = await run(['admin', 'token', 'revoke', 'reader', '--token-file', file('writer')]);
    expect(revoked, revoked.stderr).toMatchObject({ code: 0 });
    expect(await run(['get', 'services', '--token-file', file('reader')])).toMatchObject({ code: 1 });
  });

  it('has no token in its log, its output or its files', async () => {
    const kept = readdirSync(data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    expect(kept.length).toBeGreaterThan(1);
    for (const text of [process.output, ...kept])
      for (const secret of secrets) expect(text).not.toContain(secret.split('.')[2]);
  });
});

/** A module that makes `pilot.example` resolve to an address. */
function lookupHook(to: string): string {
  return `import dns from 'node:dns';
const real = dns.lookup;
dns.lookup = (name, options, done) =>
  name === 'pilot.example' ? (options.all ? done(null, [{ address: '${to}', family: 4 }]) : done(null, '${to}', 4)) : real(name, options, done);
`;
}
