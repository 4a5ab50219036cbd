// `why-denied` against a real admin API: the verdict in words, exit codes, a moment in the past, bad input.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configApplied, configDeleted, resourceOf } from '../mesh/snapshot-fixture.ts';
import { type AdminFixture, startAdmin } from '../services/pilot/admin/admin-fixture.ts';
import { sidecarContext } from '../services/pilot/translate/context-fixture.ts';
import { runCli } from './cli-fixture.ts';

const proxyId = 'sidecar~10.0.0.1~web-1.default~default.svc.cluster.local';
const deny = resourceOf('AuthorizationPolicy', 'no-admin', {
  action: 'DENY',
  rules: [{ to: [{ operation: { methods: ['GET'], paths: ['/admin*'] } }] }],
});
const allow = resourceOf('AuthorizationPolicy', 'clients', {
  rules: [
    {
      from: [{ source: { principals: ['cluster.local/ns/default/sa/client'] } }],
      when: [{ key: 'request.headers[x-a]', values: ['1'] }],
    },
  ],
});
const strict = resourceOf('PeerAuthentication', 'default', { mtls: { mode: 'STRICT' } });

describe('why-denied', () => {
  let admin: AdminFixture;
  let server: string;
  const ask = (...args: string[]) => runCli(['why-denied', 'web-1', '--port', '8080', ...args], { server });
  beforeEach(async () => {
    admin = await startAdmin();
    server = await admin.listen();
    await admin.appendDeliveries([
      {
        type: 'io.periplus.delivery.proxy-connected',
        subject: `delivery/${proxyId}`,
        data: {
          proxyId,
          streamId: 'test/1',
          pilot: 'test',
          context: sidecarContext(),
          protocol: 'delta',
          userAgent: 'envoy',
        },
      },
    ]);
  });
  afterEach(() => admin.stop());

  it('names the DENY policy, rule and fields', async () => {
    await admin.appendFacts([configApplied(deny)]);
    expect(await ask('--path', '/admin/users?x=1')).toEqual({
      code: 1,
      out: 'denied by DENY AuthorizationPolicy/default/no-admin rules[0] (matches: to.methods, to.paths)\n',
      err: '',
    });
    expect(await ask('--path', '/')).toMatchObject({ code: 0, out: expect.stringContaining('allowed') });
  });

  it('names what no ALLOW rule found', async () => {
    await admin.appendFacts([configApplied(allow)]);
    expect(await ask()).toMatchObject({
      code: 1,
      out: expect.stringContaining(
        'default/clients rules[0] (does not match: from.principals, when[request.headers[x-a]].values)',
      ),
    });
    const principal = ['--principal', 'cluster.local/ns/default/sa/client'];
    expect(await ask(...principal, '--header', 'X-A: 1')).toMatchObject({ code: 0 });
    expect(await ask(...principal, '--tcp')).toMatchObject({ code: 1 });
  });

  it('says that a STRICT port takes no plaintext', async () => {
    await admin.appendFacts([configApplied(strict)]);
    expect(await ask()).toMatchObject({ code: 1, out: expect.stringContaining('PeerAuthentication STRICT') });
    expect(await ask('--principal', 'cluster.local/ns/default/sa/client')).toMatchObject({ code: 0 });
  });

  it('tells of a moment in the past', async () => {
    const position = await admin.appendFacts([configApplied(deny)]);
    await admin.appendFacts([configDeleted(deny)]);
    expect(await ask('--path', '/admin')).toMatchObject({ code: 0 });
    expect(await ask('--path', '/admin', '--at', String(position))).toMatchObject({ code: 1 });
  });

  it('refuses what is no request', async () => {
    expect(await ask('--header', 'nonsense')).toMatchObject({ code: 2 });
    expect(await runCli(['why-denied', 'web-1', '--port', 'x'], { server })).toMatchObject({ code: 2 });
    const answer = await fetch(`${server}/api/v1/proxies/${encodeURIComponent(proxyId)}/why-denied?request=%7B%7D`);
    expect(answer.status).toBe(400);
  });
});
