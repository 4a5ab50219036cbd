// `--jwks-allow-private`: an issuer inside the mesh is asked for its keys with the flag, and not without it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { compose } from './compose.ts';
import { processConfigOf } from './config.ts';
import { runStages } from './stages.ts';

describe('an issuer on a private address', () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-jwks-'));
  let asked = 0;
  const issuer = createServer((_, response) => {
    asked++;
    response.end('{"keys":[{"kty":"EC","crv":"P-256","x":"eA","y":"eQ","kid":"inside"}]}');
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    const { port } = issuer.address() as AddressInfo;
    const rule = `{ issuer: inside, jwksUri: 'http://127.0.0.1:${port}/keys' }`;
    const head =
      'apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: { name: jwt, namespace: default }';
    writeFileSync(join(folder, 'jwt.yaml'), `${head}\nspec: { jwtRules: [${rule}] }\n`);
  });
  afterAll(() => {
    issuer.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    [{}, /127\.0\.0\.1, which is not a public address/, 0],
    [{ jwksAllowPrivate: true }, /inside/, 1],
  ])('given the flags %j', async (flags, recorded, requests) => {
    asked = 0;
    const ports = { xdsPort: 0, adminPort: 0 };
    const config = processConfigOf(
      { roles: 'pilot,adapters', log: 'memory:', data: join(folder, 'data'), ...ports, ...flags },
      { name: 'pilot', workingDirectory: folder, env: {} },
    );
    const means = { clock: systemClock, logger: silentLogger };
    const mesh = await compose(config, { ...means, folders: new Map([['test', folder]]) });
    const stop = new AbortController();
    const ended = runStages(mesh.stages, { ...means, signal: stop.signal });
    const keySets = async () => {
      const found: string[] = [];
      for await (const event of mesh.logs.facts.read())
        if (event.type.includes('jwks')) found.push(JSON.stringify(event.data));
      return found.join('\n');
    };
    await vi.waitFor(async () => expect(await keySets()).toMatch(recorded), { timeout: 30_000 });
    expect(asked).toBe(requests);
    stop.abort();
    await ended;
    await mesh.close();
  });
});
