// Nomad as a platform: a suite for the stand-in and, when PERIPLUS_NOMAD_ADDR is set, for a real one; then the stand-in's faults.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type AdapterFixture, describeAdapterContract } from '../adapters/adapter-contract.ts';
import { FaultyPlatform } from '../adapters/faulty-platform-fixture.ts';
import { createNomadAdapter, type NomadAdapterOptions } from '../adapters/nomad/adapter.ts';
import type { NomadServiceList } from '../adapters/nomad/nomad-types.ts';
import type { PlatformRules } from '../adapters/platform-rules.ts';
import type { Endpoint } from '../events/model.ts';
import { FakeNomad, type FakeNomadOptions } from './support/fake-nomad.ts';
import { followAdapter } from './support/follow-adapter.ts';
import { freePorts } from './support/free-port.ts';
import { guideCommands, guideShell, guideText } from './support/guide.ts';
import { NomadJobs } from './support/nomad-jobs.ts';
import { periplusJson, RunningPeriplus } from './support/periplus.ts';
import { quickClock } from './support/quick-clock.ts';
import { SocketGate } from './support/socket-gate.ts';
import { testCertificate } from './support/test-certificate.ts';
import { waitFor } from './support/wait-for.ts';

const real = { url: process.env.PERIPLUS_NOMAD_ADDR ?? '', token: process.env.PERIPLUS_NOMAD_TOKEN };
const prefix = 'periplus-test-';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function follow(url: string, options: Partial<NomadAdapterOptions> = {}, rules: Partial<PlatformRules> = {}) {
  const followed = followAdapter(createNomadAdapter({ access: { url }, checksMs: 100, ...options }), { rules });
  cleanups.push(followed.stop);
  return followed;
}

interface Platform {
  readonly url: string;
  readonly token?: string | undefined;
  readonly close: () => Promise<void>;
}

/** What must hold for any Nomad. */
function describeNomad(name: string, open: () => Promise<Platform>): void {
  describe(name, () => {
    const opened = async () => {
      const { url, token, close } = await open();
      const jobs = new NomadJobs(url, token);
      cleanups.push(close, () => jobs.remove());
      return { jobs, access: { url, ...(token && { token }) } };
    };

    describeAdapterContract(name, async (): Promise<AdapterFixture> => {
      const { jobs, access } = await opened();
      const { hostname, port } = new URL(access.url);
      const gate = await SocketGate.open({ host: hostname, port: Number(port) });
      const shown = new Set<string>();
      return {
        open: () => createNomadAdapter({ access: { ...access, url: `http://127.0.0.1:${gate.port}` } }),
        show: async (names) => {
          await gate.reopen();
          for (const each of names) if (!shown.has(each)) await jobs.run(each);
          for (const each of shown) if (!names.includes(each)) await jobs.stop(each);
          shown.clear();
          for (const each of names) shown.add(each);
        },
        breakDown: async () => gate.shut(),
        faults: new FaultyPlatform({
          isList: (path) => path.startsWith('/v1/services'),
          cut: (body, keep) =>
            (body as NomadServiceList).map((each) => ({ ...each, Services: each.Services.slice(0, keep) })),
        }).faultsOf((means) => createNomadAdapter({ access, clock: quickClock, ...means })),
        close: async () => {
          await jobs.remove();
          gate.shut();
        },
      };
    });

    it('shows instances with their labels, identity and place, and follows scaling, replacement and the end', async () => {
      const { jobs, access } = await opened();
      const web = `${prefix}web`;
      const tags = ['http', 'version=v2', 'service-port=8080'];
      await jobs.run(web, { count: 2, tags, meta: { team: 'red', region: 'eu', zone: 'a' } });
      const { endpoints, services, until, state } = follow(access.url, { access });
      const ofWeb = async () => (await endpoints()).filter(({ labels }) => labels.app === web);
      const healthy = (count: number) => async () => {
        const all = await ofWeb();
        return all.length === count && all.every(({ health }) => health === 'healthy');
      };
      await until('two', healthy(2));
      expect((await services()).find((service) => service.name === web)).toMatchObject({
        ...{ hostname: `${web}.default.svc.cluster.local`, platform: 'nomad' },
        ports: [{ name: 'http', port: 8080, protocol: 'HTTP' }],
      });
      for (const endpoint of await ofWeb()) {
        const labels = { app: web, version: 'v2', team: 'red', http: 'true' };
        expect(endpoint).toMatchObject({ labels, locality: 'eu/a', serviceAccount: web });
        expect(endpoint.ports.http).toBeGreaterThan(0);
      }
      await jobs.run(web, { count: 3, tags, meta: { team: 'red', region: 'eu', zone: 'a' } });
      await until('three', healthy(3));
      const stopped = allocationOf((await ofWeb())[0]);
      await jobs.stopAllocation(stopped);
      await until('the replacement', async () => {
        const all = await ofWeb();
        return all.length === 3 && all.every((endpoint) => allocationOf(endpoint) !== stopped);
      });
      await jobs.stop(web);
      await until('the end', async () => !(await services()).some((service) => service.name === web));
      expect(state()).toMatchObject({ state: 'synced', heldCount: 0 });
    });
  });
}

/** Nomad names an instance `_nomad-task-ALLOCATION-…`. */
const allocationOf = (endpoint: Endpoint | undefined) =>
  /^_nomad-task-([0-9a-f-]{36})-/.exec(endpoint?.id ?? '')?.[1] ?? '';

describeNomad('a stand-in for Nomad', async () => {
  const nomad = await FakeNomad.start();
  return { url: nomad.url, close: () => nomad.stop() };
});

describe.skipIf(real.url === '')(
  `a real Nomad${real.url === '' ? ': skipped, PERIPLUS_NOMAD_ADDR names none' : ''}`,
  () => describeNomad('a real Nomad', async () => ({ ...real, close: async () => {} })),
);

describe('Nomad that fails, played by the stand-in', () => {
  const started = async (options: FakeNomadOptions = {}) => {
    const nomad = await FakeNomad.start(options);
    cleanups.push(() => nomad.stop());
    return { nomad, jobs: new NomadJobs(nomad.url) };
  };
  const limits = { answerMs: 1_000, silenceMs: 1_000 };
  const only = async (endpoints: () => Promise<readonly Endpoint[]>) => (await endpoints())[0]?.health;

  it('follows an allocation’s state, its deployment’s word and its checks', async () => {
    const { nomad, jobs } = await started();
    await jobs.run('web');
    // Six changes of one endpoint in a row would each wait for the window of flapping.
    const { endpoints, until, untilEndpoints } = follow(nomad.url, {}, { flapWindowMs: 0 });
    await untilEndpoints(1);
    const id = allocationOf((await endpoints())[0]);
    const health = (wanted: string) => until(wanted, async () => (await only(endpoints)) === wanted);
    await health('healthy');
    nomad.check(id, 'web', 'failure');
    await health('unhealthy');
    nomad.check(id, 'web', 'success');
    await health('healthy');
    nomad.report(id, { Healthy: false });
    await health('unhealthy');
    nomad.report(id, { Healthy: true, DesiredStatus: 'stop' });
    await health('draining');
    nomad.report(id, { ClientStatus: 'unknown' });
    await health('unhealthy');
  });

  it('continues where the stream broke, and lists anew: nothing is lost when Nomad’s buffer has forgotten', async () => {
    const { nomad, jobs } = await started({ bufferSize: 3 });
    for (const name of ['one', 'two', 'three', 'four']) await jobs.run(name);
    const { endpoints, state, until, untilEndpoints } = follow(nomad.url, { limits });
    await untilEndpoints(4);
    await jobs.run('five');
    await untilEndpoints(5);
    await nomad.stop();
    await until('the loss', () => state()?.state === 'lost');
    expect(state()?.reason).toMatch(/ECONNREFUSED|ended|hang up|reset|aborted/);
    await nomad.restart();
    for (const name of ['six', 'seven', 'eight']) await jobs.run(name);
    await jobs.stop('one');
    await untilEndpoints(7);
    expect((await endpoints()).some(({ labels }) => labels.app === 'one')).toBe(false);
    expect(nomad.streamStarts[0]).toBe(0);
    expect(nomad.streamStarts.at(-1)).toBeGreaterThan(20);
  });

  it('believes what was deregistered while it could not look, as long as the stream tells', async () => {
    const { nomad, jobs } = await started();
    const names = Array.from({ length: 10 }, (_, index) => `service-${index}`);
    for (const name of names) await jobs.run(name);
    const followed = follow(nomad.url, { limits });
    await followed.untilEndpoints(10);
    await followed.untilState('synced');
    const url = nomad.url;
    nomad.hangs = true;
    await followed.untilState('lost');
    expect(followed.state()?.reason).toMatch(/no answer within|silent for/);
    nomad.hangs = false;
    for (const name of names.slice(0, 8)) await new NomadJobs(url).stop(name);
    await followed.untilEndpoints(2);
    await followed.until('all to be settled', () => followed.state()?.heldCount === 0);
  });

  it('holds what another, empty Nomad at the same address does not know, and takes its services in', async () => {
    const { nomad, jobs } = await started();
    for (const name of ['one', 'two', 'three']) await jobs.run(name);
    const followed = follow(nomad.url, { limits }, { flapWindowMs: 0 });
    await followed.untilEndpoints(3);
    nomad.wipe();
    await followed.until('the loss to be held', () => followed.state()?.heldCount === 9);
    await jobs.run('four');
    await followed.untilEndpoints(4);
    expect(followed.state()).toMatchObject({ state: 'synced', heldCount: 9 });
  });

  it('holds what a partial list lacks until it is listed again', async () => {
    const { nomad, jobs } = await started();
    const names = Array.from({ length: 10 }, (_, index) => `service-${index}`);
    for (const name of names) await jobs.run(name);
    const followed = follow(nomad.url, { limits }, { flapWindowMs: 0 });
    await followed.untilEndpoints(10);
    nomad.hiddenServices = new Set(names.slice(0, 6));
    nomad.cut();
    await followed.until('the loss to be held', () => followed.state()?.heldCount === 18);
    expect(await followed.endpoints()).toHaveLength(10);
    nomad.hiddenServices = new Set();
    nomad.cut();
    await followed.until('the return', () => followed.state()?.heldCount === 0);
    expect(await followed.endpoints()).toHaveLength(10);
  });

  it('is lost without a leader, and finds its way back', async () => {
    const { nomad, jobs } = await started();
    await jobs.run('web');
    const followed = follow(nomad.url, { limits });
    await followed.untilEndpoints(1);
    nomad.hasLeader = false;
    nomad.cut();
    await followed.untilState('lost');
    await followed.until('the reason', () => /has no leader/.test(followed.state()?.reason ?? ''));
    nomad.hasLeader = true;
    await followed.untilState('synced');
    expect(await followed.endpoints()).toHaveLength(1);
  });

  it('says what is wrong with a token, reads a renewed one from its file, and shows no secret', async () => {
    const { nomad } = await started({ tokens: { 'good-secret': ['*'], 'part-secret': ['default'] } });
    await new NomadJobs(nomad.url, 'good-secret').run('web');
    const refused = async (token?: string) => {
      const followed = follow(nomad.url, { access: { url: nomad.url, ...(token && { token }) } });
      await followed.untilState('lost');
      return followed.state()?.reason ?? '';
    };
    expect(await refused()).toMatch(
      /refuses the ACL token \(403: Permission denied\); it needs list-jobs and read-job/,
    );
    const wrong = await refused('wrong-secret');
    expect(wrong).toMatch(/403: ACL token not found.*NOMAD_TOKEN/);
    expect(wrong).not.toContain('secret');
    expect(await refused('part-secret')).toMatch(/namespace "\*"/);
    const part = follow(nomad.url, { access: { url: nomad.url, token: 'part-secret', namespace: 'default' } });
    await part.untilEndpoints(1);

    const folder = mkdtempSync(join(tmpdir(), 'periplus-nomad-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'old-secret\n');
    const renewed = follow(nomad.url, { access: { url: nomad.url, tokenFile } });
    await renewed.untilState('lost');
    writeFileSync(tokenFile, 'good-secret\n');
    await renewed.untilEndpoints(1);
    await renewed.untilState('synced');
  });

  it('is reached by TLS, when its certificate has the name that is asked for', async () => {
    const { certificate, privateKey } = testCertificate('server.global.nomad');
    const { nomad } = await started({ tls: { cert: certificate, key: privateKey } });
    const folder = mkdtempSync(join(tmpdir(), 'periplus-nomad-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const caFile = join(folder, 'ca.pem');
    writeFileSync(caFile, certificate);
    const trusting = follow(nomad.url, {
      access: { url: nomad.url, tls: { caFile, serverName: 'server.global.nomad' } },
    });
    await trusting.untilState('synced');
    const strange = follow(nomad.url, { access: { url: nomad.url, tls: { caFile, serverName: 'other.nomad' } } });
    await strange.untilState('lost');
    expect(strange.state()?.reason).toMatch(/altnames|does not match/i);
  });

  it('ends a stream without heartbeats, not one with them', async () => {
    const { nomad, jobs } = await started({ heartbeatMs: 200 });
    await jobs.run('web');
    const followed = follow(nomad.url, { limits: { answerMs: 1_000, silenceMs: 1_500 } });
    await followed.untilEndpoints(1);
    const starts = nomad.streamStarts.length;
    const before = nomad.heartbeats;
    // More heartbeats than fit into the silence that would end it.
    await followed.until('heartbeats', () => nomad.heartbeats > before + 10);
    await jobs.run('other');
    await followed.untilEndpoints(2);
    expect(nomad.streamStarts.length).toBe(starts);
  });

  it('is what `serve --nomad` reads, with the job and the commands of docs/guides/nomad.md', async () => {
    const { nomad, jobs } = await started();
    const [, tags = '[]'] = /tags += (\[.*\])/.exec(guideText('nomad')) ?? [];
    await jobs.run('web', { count: 2, tags: JSON.parse(tags) as string[], meta: { team: 'red' } });
    const [serve = '', ...commands] = guideCommands('nomad');
    expect(commands).toEqual(['periplus get endpoints web', 'periplus check']);
    const [admin = 0, xds = 0] = await freePorts(2);
    const server = `http://127.0.0.1:${admin}`;
    const data = mkdtempSync(join(tmpdir(), 'periplus-nomad-'));
    const ports = ['--admin-port', String(admin), '--xds-port', String(xds)];
    const flags = serve.replace('http://127.0.0.1:4646', nomad.url).split(' ').slice(2);
    const served = new RunningPeriplus(['serve', ...flags, '--log', 'memory:', '--data', data, ...ports]);
    cleanups.push(async () => {
      await served.stop();
      rmSync(data, { recursive: true, force: true });
    });
    await served.untilServing(`${server}/readyz`);
    const listed = () => periplusJson<readonly Endpoint[]>('get', 'endpoints', 'web', '--server', server);
    await waitFor(async () => (await listed()).length === 2, { what: 'both endpoints', limitMs: 60_000 });
    const labels = { version: 'v1', team: 'red' };
    const endpoint = { platform: 'nomad', labels, health: 'healthy', hostname: 'web.default.svc.cluster.local' };
    expect(await listed()).toMatchObject([endpoint, endpoint]);
    const shell = guideShell(data, { env: { PERIPLUS_SERVER: server } });
    const [got, check] = [await shell(commands[0] ?? ''), await shell(commands[1] ?? '')];
    expect(got.output.match(/healthy +nomad/g), got.output).toHaveLength(2);
    expect(check.output).toMatch(/ok +adapter nomad default: synced/);
  });
});
