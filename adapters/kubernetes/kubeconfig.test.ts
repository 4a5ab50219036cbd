import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { currentToken, inClusterAccess } from './access.ts';
import { readKubeconfig } from './kubeconfig.ts';

const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const data = Buffer.from(pem).toString('base64');

const apiVersion = 'client.authentication.k8s.io/v1';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'periplus-kubeconfig-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(
  parts: { readonly cluster?: object; readonly user?: object; readonly current?: string },
  context?: string,
) {
  const path = join(folder, 'config');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    ...(parts.current !== '' && { 'current-context': parts.current ?? 'one' }),
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443/', ...parts.cluster } }],
    users: [{ name: 'u', user: { ...parts.user } }],
    contexts: [
      { name: 'one', context: { cluster: 'c', user: 'u' } },
      { name: 'two', context: { cluster: 'missing', user: 'u' } },
      { name: 'three', context: { cluster: 'c', user: 'missing' } },
    ],
  };
  await writeFile(path, JSON.stringify(config));
  return await readKubeconfig({ path, ...(context !== undefined && { context }) });
}

describe('a kubeconfig', () => {
  it('gives server, authority and token of its current context', async () => {
    const access = await read({ cluster: { 'certificate-authority-data': data }, user: { token: 'abc' } });
    expect(access).toEqual({ server: 'https://10.0.0.1:6443', name: 'one', authority: pem, token: { token: 'abc' } });
  });

  it('takes files relative to itself, and prefers a token file, which is read each time', async () => {
    await writeFile(join(folder, 'ca.pem'), pem);
    await writeFile(join(folder, 'tok'), 'first\n');
    const access = await read({
      cluster: { 'certificate-authority': 'ca.pem' },
      user: { token: 'old', tokenFile: 'tok' },
    });
    expect(access.authority).toBe(pem);
    expect(await currentToken(access.token)).toBe('first');
    await writeFile(join(folder, 'tok'), 'second');
    expect(await currentToken(access.token)).toBe('second');
    await rm(join(folder, 'tok'));
    await expect(currentToken(access.token)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('takes a client certificate, another server name, and no verification', async () => {
    const user = { 'client-certificate-data': data, 'client-key-data': data };
    const cluster = { 'insecure-skip-tls-verify': true, 'tls-server-name': 'kube', 'certificate-authority-data': data };
    expect(await read({ user, cluster })).toEqual({
      server: 'https://10.0.0.1:6443',
      name: 'one',
      insecure: true,
      serverName: 'kube',
      client: { certificate: pem, key: pem },
    });
  });

  it.each<[string, Parameters<typeof read>[0], string | undefined, RegExp]>([
    ['no current context', { current: '' }, undefined, /--kube-context \(one, two, three\)/],
    ['an unknown context', {}, 'four', /no context "four"; it has one, two, three/],
    ['an unknown cluster', {}, 'two', /names the cluster "missing"/],
    ['an unknown user', {}, 'three', /names the user "missing"/],
    ['a server that is no URL', { cluster: { server: '10.0.0.1' } }, undefined, /no usable server/],
    ['a program of an unknown kind', { user: { exec: { command: 'aws' } } }, undefined, /exec\.apiVersion must be/],
    [
      'a program that wants a terminal',
      { user: { exec: { apiVersion, command: 'aws', interactiveMode: 'Always' } } },
      undefined,
      /aws wants a terminal/,
    ],
    ['a provider that is no more', { user: { 'auth-provider': { name: 'gcp' } } }, undefined, /has an auth-provider/],
    ['half a client certificate', { user: { 'client-key-data': data } }, undefined, /needs both/],
    ['data that is no PEM', { cluster: { 'certificate-authority-data': 'AAAA' } }, undefined, /not PEM/],
    ['a file that is missing', { cluster: { 'certificate-authority': 'none.pem' } }, undefined, /none\.pem/],
  ])('refuses %s as wrong usage', async (_, parts, context, message) => {
    await expect(read(parts, context)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message),
    });
  });

  it('asks a program beside it, with what it may know of the cluster, and only where nothing else is given', async () => {
    const answer = '{"apiVersion":"%s","kind":"ExecCredential","status":{"token":"%s"}}';
    const script = `#!/bin/sh\nprintf '${answer}' ${apiVersion} "$1 $NAME $(echo "$KUBERNETES_EXEC_INFO" | base64 -w0)"\n`;
    await writeFile(join(folder, 'login'), script, { mode: 0o755 });
    const exec = {
      ...{ apiVersion, command: './login', args: ['arg'], provideClusterInfo: true },
      env: [{ name: 'NAME', value: 'value' }],
    };
    const { program } = await read({ cluster: { 'certificate-authority-data': data }, user: { exec } });
    const { token = '' } = (await program?.current()) ?? {};
    const [arg, env, info = ''] = token.split(' ');
    expect([arg, env]).toEqual(['arg', 'value']);
    expect(JSON.parse(Buffer.from(info, 'base64').toString('utf8'))).toEqual({
      ...{ apiVersion, kind: 'ExecCredential' },
      spec: {
        interactive: false,
        cluster: { server: 'https://10.0.0.1:6443', 'certificate-authority-data': data },
      },
    });
    expect(await read({ user: { token: 'abc', exec } })).not.toHaveProperty('program');
  });

  it('does not quote what it can not parse', async () => {
    const path = join(folder, 'broken');
    await writeFile(path, 'users: [{ token: s3cret\n  "');
    await expect(readKubeconfig({ path })).rejects.toThrow(/^(?!.*s3cret).*not valid YAML$/s);
  });
});

describe('access within a cluster', () => {
  it('comes from the service account', async () => {
    await writeFile(join(folder, 'ca.crt'), pem);
    expect(
      await inClusterAccess({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' }, folder),
    ).toEqual({
      server: 'https://[fd00::1]:6443',
      name: 'in-cluster',
      authority: pem,
      token: { tokenFile: join(folder, 'token') },
    });
  });

  it('is refused outside of one', async () => {
    await expect(inClusterAccess({}, folder)).rejects.toMatchObject({ code: 'usage' });
  });
});
