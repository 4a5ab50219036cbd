// `why-denied` held against a real Envoy: for each request its verdict is what the proxy does, and its words name the policy that did it.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../cli/cli-fixture.ts';
import { configApplied, resourceOf } from '../../mesh/snapshot-fixture.ts';
import { type AdminFixture, startAdmin } from '../../services/pilot/admin/admin-fixture.ts';
import { sidecarContext } from '../../services/pilot/translate/context-fixture.ts';
import { translationToJson } from '../../services/pilot/translate/json.ts';
import { createMemo } from '../../services/pilot/translate/memo.ts';
import { translate } from '../../services/pilot/translate/translate.ts';
import { startEnvoy, type TestEnvoy } from '../support/envoy.ts';
import { freePorts } from '../support/free-port.ts';
import { staticBootstrap } from '../support/static-bootstrap.ts';
import { waitFor } from '../support/wait-for.ts';

const issuer = 'https://issuer.example';
const proxyId = 'sidecar~10.0.0.1~web-1.default~default.svc.cluster.local';

describe('why-denied says what a real Envoy does', () => {
  let folder: string;
  let envoy: TestEnvoy;
  let app: http.Server;
  let admin: AdminFixture;
  let server: string;
  let port = 0;
  let key: KeyObject;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'periplus-why-'));
    const [inbound = 0, behind = 0] = await freePorts(2);
    port = inbound;
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    key = privateKey;
    const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256' }] });
    app = http.createServer((_, response) => response.end('reached'));
    await new Promise<void>((resolve) => app.listen(behind, '127.0.0.1', resolve));
    const paths = (...paths: string[]) => [{ to: [{ operation: { paths } }] }];
    const policy = (name: string, spec: object, dryRun = false) =>
      resourceOf('AuthorizationPolicy', name, spec, dryRun ? { annotations: { 'istio.io/dry-run': 'true' } } : {});
    admin = await startAdmin();
    server = await admin.listen();
    await admin.appendFacts(
      [
        resourceOf('Sidecar', 'default', {
          ingress: [
            {
              port: { number: port, protocol: 'HTTP', name: 'http' },
              bind: '127.0.0.1',
              captureMode: 'NONE',
              defaultEndpoint: `127.0.0.1:${behind}`,
            },
          ],
        }),
        resourceOf('RequestAuthentication', 'jwt', {
          jwtRules: [
            { issuer, jwks, audiences: ['shop'] },
            { issuer: 'https://unreachable.example', jwksUri: 'https://unreachable.example/keys' },
          ],
        }),
        policy('gone', { action: 'CUSTOM', provider: { name: 'nobody' }, rules: paths('/custom*') }),
        policy('no-admin', { action: 'DENY', rules: paths('/admin*') }),
        policy('perhaps', { action: 'DENY', rules: paths('/soon*') }, true),
        policy('strict-some-day', { action: 'ALLOW', rules: paths('/kept*') }, true),
        policy('readers', {
          rules: [
            ...paths('/open*', '/admin*', '/custom*', '/soon*'),
            { from: [{ source: { requestPrincipals: [`${issuer}/alice`] } }] },
          ],
        }),
      ].map(configApplied),
    );
    const context = sidecarContext({ interceptionMode: 'NONE', labels: { app: 'web' } });
    const snapshot = admin.context.snapshots.value;
    if (!snapshot) throw new Error('there is no snapshot');
    envoy = await startEnvoy({
      ...staticBootstrap(translationToJson(translate(snapshot, context, createMemo())), folder),
      admin: { address: { socketAddress: { address: '127.0.0.1', portValue: 0 } } },
    });
    const data = { proxyId, streamId: 'test/1', pilot: 'test', context, protocol: 'delta', userAgent: 'envoy' };
    await admin.appendDeliveries([
      { type: 'io.periplus.delivery.proxy-connected', subject: `delivery/${proxyId}`, data },
    ]);
  });
  afterAll(async () => {
    await envoy?.stop();
    app?.close();
    await admin?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const sign = (claims: object, header: object = {}, signer = key) =>
    new SignJWT({ iss: issuer, sub: 'alice', aud: 'shop', exp: Math.floor(Date.now() / 1000) + 600, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k', ...header })
      .sign(signer);

  /** What Envoy answers, and what `why-denied` says: exit code and words. */
  async function both(path: string, token?: string) {
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    const { status } = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
    const file = join(folder, 'token');
    if (token) writeFileSync(file, token);
    const args = [
      'why-denied',
      'web-1',
      '--port',
      String(port),
      '--ip',
      '127.0.0.1',
      '--path',
      path,
      '--host',
      `127.0.0.1:${port}`,
    ];
    const said = await runCli([...args, ...(token ? ['--jwt', file] : [])], { server });
    return { status, code: said.code, out: said.out + said.err };
  }

  it.each([
    ['/open', 200, /allowed by ALLOW AuthorizationPolicy\/default\/readers rules\[0\]/],
    ['/admin/x', 403, /denied by DENY AuthorizationPolicy\/default\/no-admin rules\[0\] \(matches: to\.paths\)/],
    [
      '/private',
      403,
      /none of their rules matches[\s\S]*default\/readers rules\[1\] \(does not match: from\.requestPrincipals\)/,
    ],
    [
      '/custom',
      403,
      /denied by CUSTOM AuthorizationPolicy\/default\/gone rules\[0\][\s\S]*authorizer nobody can't be called/,
    ],
  ])('%s', async (path, status, says) => {
    expect(await both(path)).toEqual({ status, code: status === 200 ? 0 : 1, out: expect.stringMatching(says) });
  });

  it('tells of dry runs what they would do, as Envoy counts it', async () => {
    const counted = async (name: string) => {
      const stats = await (await fetch(`http://127.0.0.1:${envoy.adminPort}/stats?filter=${name}`)).text();
      return Number(/: (\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await counted('istio_dry_run_deny_.shadow_denied');
    const soon = await both('/soon');
    expect(soon).toMatchObject({ status: 200, code: 0 });
    expect(soon.out).toMatch(/dry run of DENY: it would be denied by AuthorizationPolicy\/default\/perhaps rules\[0\]/);
    expect(soon.out).toMatch(/dry run of ALLOW: it would be denied/);
    await waitFor(async () => (await counted('istio_dry_run_deny_.shadow_denied')) > before, {
      what: 'the shadow denial in the statistics',
    });
    expect((await both('/open')).out).toMatch(/dry run of DENY: it would be allowed/);
  });

  it('explains tokens', async () => {
    const past = Math.floor(Date.now() / 1000) - 3_600;
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ iss: issuer })).toString('base64url')}.`;
    const cases: readonly (readonly [token: string, status: number, says: RegExp])[] = [
      [await sign({}), 200, /allowed by ALLOW AuthorizationPolicy\/default\/readers rules\[1\]/],
      [await sign({ aud: ['x', 'shop'] }), 200, /allowed/],
      [await sign({ sub: 'bob' }), 403, /none of their rules matches/],
      [
        await sign({ exp: past }),
        401,
        /RequestAuthentication\/default\/jwt jwtRules\[0\]: the token is refused: it expired at/,
      ],
      [await sign({ nbf: past + 7_200 }), 401, /not valid before/],
      [
        await sign({ aud: 'bank' }),
        403,
        /denied \(403\) by RequestAuthentication[\s\S]*its audience "bank" is none of shop/,
      ],
      [await sign({ iss: 'https://other.example' }), 401, /no rule knows its issuer "https:\/\/other\.example"/],
      [await sign({ iss: 'https://unreachable.example' }), 401, /jwtRules\[1\][\s\S]*keys are not known/],
      [await sign({}, { kid: 'z' }), 401, /has no key "z"/],
      [await sign({}, {}, other), 401, /signature is not the issuer's/],
      [none, 401, /algorithm "none" is not taken/],
      ['nonsense', 401, /no JWT/],
    ];
    // CUSTOM comes before the token, as its authorizer may be who brings it.
    expect(await both('/custom', 'nonsense')).toEqual({
      status: 403,
      code: 1,
      out: expect.stringMatching(/denied by CUSTOM AuthorizationPolicy\/default\/gone/),
    });
    for (const [token, status, says] of cases) {
      const found = await both('/private', token);
      expect(found, String(says)).toEqual({ status, code: status === 200 ? 0 : 1, out: expect.stringMatching(says) });
      // The words never hold the token, whose bearer anybody could be.
      expect(found.out).not.toContain(token === 'nonsense' ? 'Bearer' : token);
    }
  });
});
