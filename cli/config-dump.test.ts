import { describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { runCli } from './cli-fixture.ts';

/** Made with openssl for this test: `spiffe://cluster.local/ns/shop/sa/web`, serial number 0xabc. */
const leaf = `-----BEGIN CERTIFICATE-----
MIIBdjCCARygAwIBAgICCrwwCgYIKoZIzj0EAwIwDzENMAsGA1UECgwEdGVzdDAe
Fw0yNjExMjMwOTIzMDhaFw0yOTA4MTkwOTIzMDhaMAAwWTATBgcqhkjOPQIBBggq
hkjOPQMBBwNCAASa0/008savC+wIV3xi8rwo7wZrtAHCyfqaSenwIPgNXtxo1Iud
4DRLoYw/TKu9IAljsEywwV2OGb4CttcXFy6mo3cwdTAzBgNVHREBAf8EKTAnhiVz
cGlmZmU6Ly9jbHVzdGVyLmxvY2FsL25zL3Nob3Avc2Evd2ViMB0GA1UdDgQWBBSw
+ZM0u4A7tWMcIQQfQf1Nwj3mrTAfBgNVHSMEGDAWgBRdtldSRqDoCokFM3ZHx4y4
tLkSGDAKBggqhkjOPQQDAgNIADBFAiBcNDmmxKwC6WqxPwRLqDIP3+lt0TgJ+YW9
At981AU9fQIhAIAoeTrImrFmpba9w8ZQOCOEyzzjcL+abt8ndH8hAx2w
-----END CERTIFICATE-----
`;
/** The authority that signed it, serial number 0xa1b. */
const authority = `-----BEGIN CERTIFICATE-----
MIIBYTCCAQegAwIBAgICChswCgYIKoZIzj0EAwIwDzENMAsGA1UECgwEdGVzdDAe
Fw0yNjExMjMwOTIzMDhaFw0zNjExMjAwOTIzMDhaMA8xDTALBgNVBAoMBHRlc3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS+mLdyTNf5uRDhOOwQJHVngcDd3iPt
76DK9Ei+D8cDC+QdtqZ9MRLEhoJBKBOo+Gb1oeVUyH+2cFos/EV9+bpHo1MwUTAd
BgNVHQ4EFgQUXbZXUkag6AqJBTN2R8eMuLS5EhgwHwYDVR0jBBgwFoAUXbZXUkag
6AqJBTN2R8eMuLS5EhgwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBF
AiEAij4rYwzAP8cNwY4m6Lw1u33QVzC5ricPC5Pasb6uBIoCIEui0F3OF1IgS0Hi
TRzsSAc2C3L+2sE9yq+feQZVReTB
-----END CERTIFICATE-----
`;

const base64 = (text: string) => Buffer.from(text).toString('base64');
const type = 'type.googleapis.com/envoy.admin.v3';
const secrets = {
  '@type': `${type}.SecretsConfigDump`,
  dynamic_active_secrets: [
    {
      name: 'default',
      secret: {
        name: 'default',
        tls_certificate: {
          certificate_chain: { inline_bytes: base64(leaf + authority) },
          private_key: { inline_bytes: base64('the key') },
        },
      },
    },
    { name: 'ROOTCA', secret: { validation_context: { trusted_ca: { inline_bytes: base64(authority) } } } },
  ],
  dynamic_warming_secrets: [{ name: 'kubernetes://web', secret: { name: 'kubernetes://web' } }],
};
const bootstrap = { '@type': `${type}.BootstrapConfigDump`, bootstrap: { node: { id: 'sidecar~1~web.shop~x' } } };
const nowMs = Date.parse('2027-01-01T00:00:00Z');
const clock = { ...systemClock, nowMs: () => nowMs };

function run(args: string, dump: unknown) {
  const stdin = typeof dump === 'string' ? dump : JSON.stringify(dump);
  return runCli(['proxy-config', ...args.split(' ')], { stdin, clock });
}
const lines = (out: string) =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {3,}/));

describe("proxy-config of an Envoy's dump", () => {
  it('lists its certificates as istioctl does', async () => {
    const { code, out } = await run('secret -f -', { configs: [bootstrap, secrets] });
    expect(code).toBe(0);
    expect(lines(out)).toEqual([
      ['RESOURCE NAME', 'TYPE', 'STATUS', 'VALID CERT', 'SERIAL NUMBER', 'NOT AFTER', 'NOT BEFORE'],
      ['kubernetes://web', 'WARMING', 'false'],
      [
        'default',
        'Cert Chain',
        'ACTIVE',
        'true',
        '00000000000000000000000000000abc',
        '2029-08-19T09:23:08Z',
        '2026-11-23T09:23:08Z',
      ],
      [
        'ROOTCA',
        'CA',
        'ACTIVE',
        'true',
        '00000000000000000000000000000a1b',
        '2036-11-20T09:23:08Z',
        '2026-11-23T09:23:08Z',
      ],
    ]);
  });

  it('tells trust domains where all are known, in either spelling of fields', async () => {
    const typedConfig = {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
      trustDomains: [{ name: 'other.test', trustBundle: { inlineBytes: base64(authority) } }],
    };
    const dynamicActiveSecrets = [
      { name: 'ROOTCA', secret: { validationContext: { customValidatorConfig: { typedConfig } } } },
    ];
    const { out } = await run('s -f -', { configs: [{ '@type': secrets['@type'], dynamicActiveSecrets }] });
    expect(lines(out).map((line) => line.at(-1))).toEqual(['TRUST DOMAIN', 'other.test']);
  });

  it('says when there are none', async () => {
    expect((await run('secret -f -', { configs: [bootstrap] })).out).toBe('No active or warming secrets found.\n');
  });

  it.each(['json', 'yaml'])('never prints a key: -o %s', async (form) => {
    const { code, out } = await run(`secret -o ${form} -f -`, { configs: [secrets] });
    expect(code).toBe(0);
    expect(out).toContain(base64(authority));
    expect(out).not.toContain('private_key');
    expect(out).not.toContain(base64('the key'));
  });

  it('prints the bootstrap', async () => {
    expect(JSON.parse((await run('bootstrap -f -', { configs: [bootstrap] })).out)).toEqual(bootstrap);
    expect((await run('b -o yaml -f -', { configs: [bootstrap] })).out).toContain('id: sidecar~1~web.shop~x');
  });

  it.each([
    ['secret web.shop', {}, 2, 'localhost:15000/config_dump | periplus proxy-config secrets -f -'],
    ['clusters -f -', {}, 2, 'proxy-config clusters needs a proxy, and no --file'],
    ['secret -f -', 'no JSON', 2, '-: '],
    ['secret -f -', {}, 2, 'expected the answer of Envoy'],
    ['bootstrap -f -', { configs: [secrets] }, 1, 'holds no bootstrap'],
  ])('refuses %s of %j', async (args, dump, code, message) => {
    expect(await run(args, dump)).toMatchObject({ code, err: expect.stringContaining(message) });
  });
});
