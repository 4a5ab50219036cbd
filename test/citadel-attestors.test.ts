// Who gets a certificate over real gRPC, by what the real platforms vouch for: Kubernetes' TokenReview, Consul's ACL tokens; join tokens
// used by a hundred at once and after a restart; certificates of an owner's own CA.
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { requestSvid, type SvidRequest } from '../agent/identity/citadel-client.ts';
import { workloadSvid } from '../agent/identity/workload-svid.ts';
import { controlPlaneId, formatSpiffeId } from '../mesh/spiffe-id.ts';
import { issueRoot, issueSvid } from '../services/citadel/x509/issue.ts';
import { generateKeyPair } from '../services/citadel/x509/keys.ts';
import { TestConsul } from './support/consul.ts';
import { freePorts } from './support/free-port.ts';
import { adapterToken, TestKube } from './support/kube.ts';
import { root as checkout, periplusJson, RunningPeriplus } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

const scratch = mkdtempSync(join(tmpdir(), 'periplus-attest-'));
const running: RunningPeriplus[] = [];
const uri = (namespace: string, account: string) => `spiffe://cluster.local/ns/${namespace}/sa/${account}`;
const citadelId = formatSpiffeId(controlPlaneId('cluster.local', 'citadel'));

/** `serve` with Citadel in it, on free ports. */
async function serve(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const [xds = 0, admin = 0, citadel = 0, web = 0] = await freePorts(4);
  const data = join(scratch, name);
  const ports = [
    '--xds-port',
    xds,
    '--admin-port',
    admin,
    '--citadel-port',
    citadel,
    '--citadel-web-port',
    web,
    '--xds-mtls-port',
    0,
  ];
  const all = ['serve', '--roles', 'pilot,adapters,citadel', '--data', data, ...ports.map(String), ...args];
  const process = new RunningPeriplus(all, env);
  running.push(process);
  const adminUrl = `http://127.0.0.1:${admin}`;
  await process.untilServing(`${adminUrl}/healthz`);
  const rootsFile = join(data, 'citadel', 'root-cert.pem');
  const roots = () => readFileSync(rootsFile, 'utf8');
  await waitFor(() => existsSync(rootsFile), { what: () => `${rootsFile}: ${process.output}`, limitMs: 60_000 });
  /** The identity that the proof gets, or why it gets none. */
  const ask = async (proof: SvidRequest['proof']) => {
    const request = { address: `localhost:${citadel}`, roots: roots(), citadelId, proof };
    return await requestSvid(request).then(({ spiffeId }) => spiffeId, String);
  };
  const until = async (proof: SvidRequest['proof'], wanted: string) => {
    let last = '';
    const asked = async () => (last = await ask(proof)) === wanted;
    await waitFor(asked, { what: () => `${wanted}, but: ${last}`, limitMs: 60_000 });
  };
  return { process, adminUrl, ask, until, roots };
}

afterEach(async () => {
  for (const process of running.splice(0)) await process.stop();
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('join tokens', () => {
  it('let one of a hundred in, and nobody after a restart', async () => {
    const first = await serve('join', []);
    const make = ['token', 'create', uri('shop', 'web'), '--server', first.adminUrl];
    const { token } = await periplusJson<{ readonly token: string }>(...make);
    await waitFor(async () => (await first.ask({ token: 'x' })).includes('no kind'), { what: 'Citadel' });
    const answers = await Promise.all(Array.from({ length: 100 }, () => first.ask({ token })));
    expect(answers.filter((answer) => answer === uri('shop', 'web'))).toHaveLength(1);
    expect(new Set(answers).size).toBe(2);
    await first.process.stop();
    const second = await serve('join', []);
    await second.until({ token }, 'MeshError: Citadel gives no certificate: the join token was used before');
  });
});

const kube = await TestKube.start();
const whyNoKube = kube instanceof TestKube ? '' : `: skipped, no Kubernetes can be had: ${kube.why}`;

describe.skipIf(whyNoKube !== '')(`service accounts of a real Kubernetes${whyNoKube}`, () => {
  const cluster = kube as TestKube;
  afterAll(() => cluster.dispose());

  it('get their own identity for a token made for Citadel, with the rights of deploy/kubernetes/rbac.yaml', async () => {
    const collections: Readonly<Record<string, string>> = {
      Namespace: '/api/v1/namespaces',
      ServiceAccount: '/api/v1/namespaces/NS/serviceaccounts',
      ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
      ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
      Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles',
      RoleBinding: '/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings',
    };
    const manifest = readFileSync(join(checkout, 'deploy/kubernetes/rbac.yaml'), 'utf8');
    for (const document of parseAllDocuments(manifest)) {
      const object = document.toJS() as { kind: string; metadata: { namespace?: string } };
      const path = collections[object.kind]?.replace('NS', object.metadata.namespace ?? '') ?? '';
      await cluster.must('POST', path, object);
    }
    await cluster.must('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
    const accounts = '/api/v1/namespaces/shop/serviceaccounts';
    await cluster.must('POST', accounts, { metadata: { name: 'web' } });
    const tokenFor = async (...audiences: string[]) => {
      const spec = { audiences, expirationSeconds: 600 };
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
      const { status } = await cluster.must('POST', `${accounts}/web/token`, body);
      return String(Object(status).token);
    };
    const kubeconfig = cluster.kubeconfig(cluster.port, adapterToken);
    const citadel = await serve('kube', ['--kubeconfig', kubeconfig]);
    const token = await tokenFor('periplus-citadel');
    await citadel.until({ token }, uri('shop', 'web'));
    // A token is no one-time secret: it may be shown again while it lasts.
    expect(await citadel.ask({ token })).toBe(uri('shop', 'web'));
    expect(await citadel.ask({ token: await tokenFor('vault') })).toContain('does not accept');
    expect(await citadel.ask({ token: await tokenFor('https://kubernetes.default.svc') })).toContain('does not accept');
    expect(await citadel.ask({ token: `${token.slice(0, -6)}AAAAAA` })).toContain('does not accept');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const forged = new SignJWT({ sub: 'system:serviceaccount:shop:web', aud: ['periplus-citadel'] });
    const header = { alg: 'RS256', kid: 'x' };
    expect(await citadel.ask({ token: await forged.setProtectedHeader(header).sign(privateKey) })).toContain(
      'not accept',
    );
    // Who is deleted is nobody, however long the token lasts.
    await cluster.must('DELETE', `${accounts}/web`);
    await citadel.until({ token }, 'MeshError: Citadel gives no certificate: Kubernetes does not accept the token');
    expect(citadel.process.output).not.toContain(token);
  });
});

const managementToken = '11111111-2222-3333-4444-555555555555';
const consul = await TestConsul.start({ managementToken });
const whyNoConsul = consul instanceof TestConsul ? '' : `: skipped, no Consul can be had: ${consul.why}`;

describe.skipIf(whyNoConsul !== '')(`services of a real Consul${whyNoConsul}`, () => {
  const agent = consul as TestConsul;
  afterAll(() => agent.kill());

  it('get their own identity for the token that a login gave them', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await agent.call('PUT', '/v1/acl/auth-method', {
      Name: 'platform',
      Type: 'jwt',
      Config: {
        JWTValidationPubKeys: [publicKey.export({ type: 'spki', format: 'pem' })],
        JWTSupportedAlgs: ['ES256'],
        BoundAudiences: ['consul'],
        ClaimMappings: { service: 'service' },
      },
    });
    await agent.call('PUT', '/v1/acl/binding-rule', {
      AuthMethod: 'platform',
      BindType: 'service',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: Consul fills it in.
      BindName: '${value.service}',
    });
    const now = Math.floor(Date.now() / 1000);
    const proof = await new SignJWT({ aud: 'consul', service: 'web', iat: now, exp: now + 300, iss: 'test' })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(privateKey);
    const login = { AuthMethod: 'platform', BearerToken: proof };
    const { SecretID: token } = Object(await agent.call('POST', '/v1/acl/login', login));
    const citadel = await serve('consul', ['--attest-consul', agent.url]);
    await citadel.until({ token }, uri('default', 'web'));
    expect(await citadel.ask({ token: managementToken })).toContain('exactly one service');
    expect(await citadel.ask({ token: managementToken.replace('1', '9') })).toContain('does not accept');
    const two = { ServiceIdentities: [{ ServiceName: 'web' }, { ServiceName: 'db' }] };
    const { SecretID: ofTwo } = Object(await agent.call('PUT', '/v1/acl/token', two));
    expect(await citadel.ask({ token: ofTwo })).toContain('exactly one service');
    const logout = await fetch(`${agent.url}/v1/acl/logout`, { method: 'POST', headers: { 'x-consul-token': token } });
    expect(logout.status).toBe(200);
    await citadel.until({ token }, 'MeshError: Citadel gives no certificate: Consul does not accept the token');
  });
});

describe('certificates of an owner’s own CA', () => {
  it('prove the SPIFFE ID that they name to a Citadel that believes that CA, and to no other', async () => {
    const nowMs = Date.now();
    const keys = await generateKeyPair('ecdsa-p256');
    const authority = await issueRoot({ trustDomain: 'cluster.local', name: 'owner', keys, nowMs });
    const { pkcs8, publicKey } = await generateKeyPair('ecdsa-p256');
    const id = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'machine' };
    const issuer = { certificate: authority.certificate, keys };
    const { certificate } = await issueSvid({ id, publicKey, issuer, nowMs, lifeMs: 3_600_000 });
    const privateKey = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
    const parts = { certificateChain: certificate, privateKey, roots: authority.certificate };
    const svid = workloadSvid(parts);
    if (typeof svid === 'string') throw new Error(svid);
    const file = join(scratch, 'owner.pem');
    writeFileSync(file, authority.certificate);
    const believing = await serve('owner', ['--attest-ca', file]);
    await believing.until({ svid }, uri('shop', 'machine'));
    const other = await serve('other', []);
    await other.until(
      { token: 'x' },
      'MeshError: Citadel gives no certificate: the credentials are of no kind that is accepted here',
    );
    expect(await other.ask({ svid })).toContain('neither a token nor a certificate');
  });
});
