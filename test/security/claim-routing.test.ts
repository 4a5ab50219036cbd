// Routing by JWT claims at a real gateway (istio.io/latest/docs/tasks/security/authentication/jwt-route).
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resourceOf, snapshotOf } from '../../mesh/snapshot-fixture.ts';
import { sidecarContext } from '../../services/pilot/translate/context-fixture.ts';
import { translationToJson } from '../../services/pilot/translate/json.ts';
import { createMemo } from '../../services/pilot/translate/memo.ts';
import { translate } from '../../services/pilot/translate/translate.ts';
import { startEnvoy, type TestEnvoy } from '../support/envoy.ts';
import { freePorts } from '../support/free-port.ts';
import { staticBootstrap } from '../support/static-bootstrap.ts';

const issuer = 'https://issuer.example';

describe('a gateway that routes by claims', () => {
  let envoy: TestEnvoy;
  let folder: string;
  let port = 0;
  let signingKey: KeyObject;
  beforeAll(async () => {
    [port = 0] = await freePorts(1);
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    signingKey = privateKey;
    const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256' }] });
    const answer = (body: string, match?: object) => ({
      ...(match ? { match: [match] } : {}),
      directResponse: { status: 200, body: { string: body } },
    });
    const snapshot = snapshotOf({
      config: [
        resourceOf('Gateway', 'edge', {
          selector: { istio: 'ingressgateway' },
          servers: [{ port: { number: port, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
        }),
        resourceOf('RequestAuthentication', 'jwt', { jwtRules: [{ issuer, jwks }] }),
        resourceOf('VirtualService', 'claims', {
          hosts: ['*'],
          gateways: ['edge'],
          http: [
            answer('developers', { headers: { '@request.auth.claims.groups': { exact: 'dev' } } }),
            answer('administrators', { headers: { '@request.auth.claims[realm][role]': { exact: 'admin' } } }),
            answer('everybody'),
          ],
        }),
      ],
    });
    const context = sidecarContext({ type: 'router', labels: { istio: 'ingressgateway' } });
    folder = mkdtempSync(join(tmpdir(), 'periplus-claims-'));
    envoy = await startEnvoy({
      ...staticBootstrap(translationToJson(translate(snapshot, context, createMemo())), folder),
      admin: { address: { socketAddress: { address: '127.0.0.1', portValue: 0 } } },
    });
  });
  afterAll(async () => {
    await envoy?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  async function reaches(claims: object | undefined): Promise<string> {
    const signer = new SignJWT({ iss: issuer, sub: 'alice', ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'k' });
    const headers: Record<string, string> = claims ? { authorization: `Bearer ${await signer.sign(signingKey)}` } : {};
    return await (await fetch(`http://127.0.0.1:${port}/`, { headers })).text();
  }

  it('takes a text, one of a list, and a nested claim', async () => {
    expect(await reaches({ groups: 'dev' })).toBe('developers');
    expect(await reaches({ groups: ['ops', 'dev'] })).toBe('developers');
    expect(await reaches({ realm: { role: 'admin' } })).toBe('administrators');
    expect(await reaches({ groups: ['ops'] })).toBe('everybody');
    expect(await reaches(undefined)).toBe('everybody');
  });
});
