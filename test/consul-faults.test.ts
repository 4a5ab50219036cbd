// Consul's faults, with real servers: the leader is killed, then the quorum; what the documented policy allows, and what a capture keeps.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createConsulAdapter } from '../adapters/consul/adapter.ts';
import type { ConsulAccess } from '../adapters/consul/client.ts';
import { captureAndReplay } from './support/capture.ts';
import { TestConsul } from './support/consul.ts';
import { ConsulCluster } from './support/consul-cluster.ts';
import { findConsul } from './support/consul-install.ts';
import { followAdapter } from './support/follow-adapter.ts';
import { freePorts } from './support/free-port.ts';
import { guideCommands, guideShell } from './support/guide.ts';
import { RunningPeriplus, root } from './support/periplus.ts';

const found = await findConsul();
const why = 'why' in found ? `: skipped, no Consul can be had: ${found.why}` : '';
const cleanups: (() => unknown)[] = [];
const managementToken = '7f2f4f0e-3a3c-4b2e-9a41-1f8f5d2c6b11';

function follow(access: ConsulAccess) {
  const limits = { waitMs: 5_000, answerMs: 5_000 };
  const followed = followAdapter(createConsulAdapter({ access, limits }), { rules: { flapWindowMs: 0 } });
  cleanups.push(followed.stop);
  return followed;
}

async function put(url: string, path: string, body: unknown, token?: string): Promise<Response> {
  const headers = token === undefined ? {} : { 'x-consul-token': token };
  return await fetch(url + path, { method: 'PUT', headers, body: JSON.stringify(body) });
}

async function startSecured(): Promise<TestConsul> {
  const agent = await TestConsul.start({ managementToken });
  if (!(agent instanceof TestConsul)) throw new Error(agent.why);
  cleanups.push(() => agent.kill());
  return agent;
}

describe.skipIf(why !== '')(`Consul${why}`, () => {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  it('that loses its leader, then its quorum, loses nothing: the adapter follows the new leader, and says when there is none', async () => {
    const cluster = await ConsulCluster.start();
    cleanups.push(() => cluster.stop());
    const [url = ''] = await cluster.followers();
    const register = (name: string) =>
      put(url, '/v1/agent/service/register', { Name: name, Address: '10.1.0.1', Port: 8080 });
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names) await register(name);
    const followed = follow({ url });
    await followed.untilEndpoints(6);
    await followed.untilState('synced');

    await cluster.killLeader();
    await cluster.untilLed();
    await register('g');
    await followed.untilEndpoints(7);
    await followed.untilState('synced');
    expect(followed.state()?.heldCount).toBe(0);

    await cluster.killLeader();
    await followed.until('the loss', () => followed.state()?.state === 'lost', 90_000);
    expect(followed.state()?.reason).toMatch(
      /has no leader|answered 5\d\d|no answer within|ECONNREFUSED|hang up|reset/i,
    );
    expect(await followed.endpoints()).toHaveLength(7);
  });

  it('lets the token of deploy/consul/policy.hcl see every service and do nothing', async () => {
    const agent = await startSecured();
    const { url } = agent;
    await agent.register({ ID: 'web', Name: 'web', Port: 80 }, 'passing');
    await agent.register({ ID: 'db', Name: 'db', Port: 5432 });
    await agent.call('PUT', '/v1/kv/secret', 'value');
    const Rules = readFileSync(join(root, 'deploy/consul/policy.hcl'), 'utf8');
    await agent.call('PUT', '/v1/acl/policy', { Name: 'periplus', Rules });
    const made = await agent.call('PUT', '/v1/acl/token', { Policies: [{ Name: 'periplus' }] });
    const { SecretID: token } = made as { readonly SecretID: string };
    const followed = follow({ url, token });
    await followed.untilEndpoints(2);
    await followed.untilState('synced');
    expect(followed.state()?.problems.size).toBe(0);
    await agent.flip('web', 'fail');
    await followed.until('the flip', async () =>
      (await followed.endpoints()).some(({ health }) => health === 'unhealthy'),
    );

    const status = async (answer: Promise<Response>) => (await answer).status;
    expect(await status(put(url, '/v1/agent/service/register', { Name: 'x', Port: 1 }, token))).toBe(403);
    expect(await status(put(url, '/v1/agent/service/deregister/web', undefined, token))).toBe(403);
    expect(await status(put(url, '/v1/kv/x', 'x', token))).toBe(403);
    const read = (path: string) => fetch(url + path, { headers: { 'x-consul-token': token } });
    for (const path of ['/v1/kv/secret', '/v1/acl/tokens', '/v1/operator/raft/configuration'])
      expect(`${path} ${(await read(path)).status}`).toBe(`${path} 403`);
  });

  it('joins with the commands of docs/guides/consul.md', async () => {
    const agent = await startSecured();
    const folder = mkdtempSync(join(tmpdir(), 'periplus-guide-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const [admin = 0, xds = 0] = await freePorts(2);
    const server = `http://127.0.0.1:${admin}`;
    const env = { CONSUL_HTTP_ADDR: agent.url, CONSUL_HTTP_TOKEN: managementToken, PERIPLUS_SERVER: server };
    const shell = guideShell(folder, { programs: { consul: (found as { path: string }).path }, env });
    const commands = guideCommands('consul');
    expect(commands).toHaveLength(7);
    for (const line of commands) {
      if (line.startsWith('periplus serve')) {
        const flags = line.replace('http://127.0.0.1:8500', agent.url).split(' ').slice(2);
        const file = join(folder, flags.pop() ?? '');
        const more = ['--log', 'memory:', '--data', folder, '--admin-port', String(admin), '--xds-port', String(xds)];
        const served = new RunningPeriplus(['serve', ...flags, file, ...more]);
        cleanups.push(() => served.stop());
        await served.untilServing(`${server}/readyz`);
        continue;
      }
      const { code, output } = await shell(line);
      expect(code, `${line}\n${output}`).toBe(0);
      if (line.startsWith('periplus get')) expect(output).toMatch(/10\.1\.0\.1.*8080.*healthy.*consul/);
      if (line.startsWith('periplus check')) expect(output).toMatch(/ok +adapter consul default: synced/);
    }
  });

  it('is captured without its token, and the capture gives the same facts', async () => {
    const agent = await startSecured();
    const web = { ID: 'web', Name: 'web', Address: '10.1.0.1', Port: 80, Meta: { note: `bearer ${managementToken}` } };
    await agent.register(web, 'passing');
    const change = async () => {
      await agent.flip('web', 'fail');
      await agent.register({ ID: 'late', Name: 'late', Port: 81 });
    };
    const { text, replayed } = await captureAndReplay(['--consul', agent.url], {
      ...{ first: '/v1/health/service/web', change, last: '/v1/health/service/late' },
      env: { CONSUL_HTTP_TOKEN: managementToken },
    });
    expect(text).not.toContain(managementToken);
    expect(text).toContain('"unhealthy"');
    expect(replayed.stdout).toMatch(/consul\/default: \d+ facts, 0 subjects differ$/m);
    expect(replayed.code).toBe(0);
  });
});
