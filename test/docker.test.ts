// A real Docker engine as a platform: a Compose project joins by labels, scales, is killed, falls ill; engines that hang, go and come back.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type AdapterFixture, describeAdapterContract } from '../adapters/adapter-contract.ts';
import { createDockerAdapter, type DockerAdapterOptions } from '../adapters/docker/adapter.ts';
import { dockerPlace } from '../adapters/docker/client.ts';
import { FaultyPlatform } from '../adapters/faulty-platform-fixture.ts';
import type { Endpoint } from '../events/model.ts';
import { captureAndReplay } from './support/capture.ts';
import { baseImages } from './support/container-images.ts';
import { type Engine, findEngine } from './support/docker.ts';
import { followAdapter } from './support/follow-adapter.ts';
import { freePorts } from './support/free-port.ts';
import { periplus, periplusJson, RunningPeriplus, root } from './support/periplus.ts';
import { quickClock } from './support/quick-clock.ts';
import { mustRun, runProgram } from './support/run-program.ts';
import { SocketGate } from './support/socket-gate.ts';
import { waitFor } from './support/wait-for.ts';

const found = await findEngine();
const why = 'why' in found ? `: skipped, no Docker engine can be had: ${found.why}` : '';
const project = 'periplus-docker-test';
const image = baseImages().node;

describe.skipIf(why !== '')(`Docker${why}`, () => {
  const engine = found as Engine;
  const address = engine.env?.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  const [composeProgram, ...composeArgs] = engine.composes?.found[0]?.command ?? ['docker-compose'];
  const cleanups: (() => unknown)[] = [];
  const docker = (...args: readonly string[]) => mustRun('docker', args, { env: engine.env, limitMs: 120_000 });
  const compose = (...args: readonly string[]) =>
    mustRun(composeProgram, [...composeArgs, '-p', project, '-f', 'examples/docker/docker-compose.yml', ...args], {
      cwd: root,
      env: { ...engine.env, WEB_IMAGE: image },
      limitMs: 180_000,
    });
  const run = (name: string, ...args: readonly string[]) =>
    docker('run', '-d', '--name', `${project}-${name}`, ...args, image, 'sleep', 'infinity');
  const running = async () => await docker('ps', '-q', '--filter', `label=com.docker.compose.project=${project}`);
  const removeAll = async () => {
    const ids = (await docker('ps', '-aq', '--filter', `name=^${project}`)).split('\n').filter((id) => id !== '');
    if (ids.length > 0) await docker('rm', '-f', ...ids);
    await runProgram('docker', ['network', 'rm', `${project}_default`], { env: engine.env });
  };
  const follow = (options: Partial<DockerAdapterOptions> = {}) => {
    const followed = followAdapter(createDockerAdapter({ access: { address }, ...options }));
    cleanups.push(followed.stop);
    return followed;
  };
  const gated = async () => {
    const folder = mkdtempSync(join(tmpdir(), 'periplus-docker-'));
    const { socketPath, url } = dockerPlace(address);
    const to = socketPath === undefined ? { host: url.hostname, port: Number(url.port) } : { path: socketPath };
    const path = join(folder, 'gate.sock');
    const gate = await SocketGate.open(to, path);
    cleanups.push(() => {
      gate.shut();
      rmSync(folder, { recursive: true, force: true });
    });
    return { gate, path };
  };

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    await removeAll();
  });
  afterAll(() => engine.dispose(), 60_000);

  describeAdapterContract('Docker', async (): Promise<AdapterFixture> => {
    const { gate, path } = await gated();
    const shown = new Set<string>();
    return {
      open: () => createDockerAdapter({ access: { address: path }, timing: { answerMs: 5_000 } }),
      show: async (names) => {
        await gate.reopen();
        const added = names.filter((name) => !shown.has(name));
        for (const name of added)
          await run(name, '--label', `periplus.io/service=${name}`, '--label', 'periplus.io/port=80');
        const removed = [...shown].filter((name) => !names.includes(name));
        if (removed.length > 0) await docker('rm', '-f', ...removed.map((name) => `${project}-${name}`));
        shown.clear();
        for (const name of names) shown.add(name);
      },
      breakDown: async () => gate.shut(),
      faults: new FaultyPlatform({
        isList: (path) => path.startsWith('/containers/json'),
        cut: (body, keep) => (body as readonly unknown[]).slice(0, keep),
      }).faultsOf((means) => createDockerAdapter({ access: { address: path }, clock: quickClock, ...means })),
      close: async () => {},
    };
  });

  it('takes a Compose project in by its labels: scale, illness, kill, down', async () => {
    const { endpoints, services, until, untilEndpoints, untilState, state } = follow();
    await untilState('synced');
    await compose('up', '-d', '--scale', 'web=2');
    const healthy = async () => (await endpoints()).filter(({ health }) => health === 'healthy');
    await until('two healthy', async () => (await healthy()).length === 2);
    const network = `${project}_default`;
    const labels = {
      app: 'web',
      version: 'v1',
      'com.docker.compose.project': project,
      'com.docker.compose.service': 'web',
    };
    expect(await services()).toMatchObject([
      {
        ...{ hostname: 'web.default.svc.cluster.local', platform: 'docker', labels },
        ports: [{ name: 'http', port: 80, protocol: 'HTTP' }],
      },
    ]);
    for (const endpoint of await endpoints())
      expect(endpoint).toMatchObject({ ports: { http: 8080 }, labels, network, locality: 'eu/a' });
    for (const { id, address: ip } of await endpoints()) {
      // The container's own word for who answers at that address.
      const answer = await (await fetch(`http://${ip}:8080`)).text();
      expect((await docker('inspect', '-f', '{{.Config.Hostname}}', id)).trim()).toBe(answer);
    }

    await compose('up', '-d', '--no-recreate', '--scale', 'web=3');
    await until('three healthy', async () => (await healthy()).length === 3);
    const [first, second] = (await endpoints()) as [Endpoint, Endpoint, Endpoint];
    await docker('exec', first.id, 'touch', '/tmp/ill');
    await until('illness', async () => (await endpoints()).find(({ id }) => id === first.id)?.health === 'unhealthy');
    await docker('exec', first.id, 'rm', '/tmp/ill');
    await until('recovery', async () => (await healthy()).length === 3);

    await docker('pause', second.id);
    await until('the pause', async () => (await healthy()).length === 2);
    await docker('unpause', second.id);
    await until('the end of the pause', async () => (await healthy()).length === 3);
    // `kill` counts as stopping by hand: the policy `always` does not start it again.
    await docker('kill', second.id);
    await untilEndpoints(2);

    await compose('down', '-t', '0');
    await until('nothing to be left', async () => (await services()).length === 0);
    expect(state()).toMatchObject({ state: 'synced', heldCount: 0 });
  }, 300_000);

  it('says which containers it can’t take in, and why', async () => {
    await run('a', '--label', 'periplus.io/port=http');
    await run('b', '--label', 'periplus.io/service=b_-');
    await run('c', '--label', 'periplus.io/service=c', '--label', 'periplus.io/port=80', '--network', 'none');
    await run('d');
    const { endpoints, state, untilState } = follow();
    await untilState('synced');
    expect(await endpoints()).toEqual([]);
    expect(Object.fromEntries(state()?.problems ?? [])).toEqual({
      [`container/${project}-a`]: expect.stringContaining('label periplus.io/port="http" is no port'),
      [`container/${project}-b`]: expect.stringContaining('is no DNS name'),
      [`container/${project}-c`]: expect.stringContaining('it has an address in no network'),
    });
  });

  it('gives published ports at the host’s address when told to', async () => {
    const [port = 0] = await freePorts(1);
    const labels = ['--label', 'periplus.io/service=web', '--label', 'periplus.io/port=80:8080'];
    await run('published', ...labels, '-p', `127.0.0.1:${port}:8080`);
    const { endpoints, untilEndpoints } = follow({ hostAddress: '127.0.0.1' });
    await untilEndpoints(1);
    expect(await endpoints()).toMatchObject([{ address: '127.0.0.1', ports: { default: port } }]);
  });

  it('holds what it knows while the engine is gone or hangs, and learns what was removed meanwhile', async () => {
    const { gate, path } = await gated();
    const labels = ['--label', 'periplus.io/port=80'];
    for (const name of ['one', 'two', 'three']) await run(name, ...labels);
    const followed = follow({ access: { address: path }, timing: { answerMs: 1_000, resyncMs: 1_000 } });
    await followed.untilEndpoints(3);
    await followed.untilState('synced');
    gate.shut();
    await followed.untilState('lost');
    expect(followed.state()?.reason).toMatch(/Docker at .*(ECONNREFUSED|ENOENT|ended|aborted)/);
    await docker('rm', '-f', `${project}-one`, `${project}-two`);
    expect(await followed.endpoints()).toHaveLength(3);
    await gate.reopen();
    // Two of three at once would be held, had the engine not told that they were removed.
    await followed.untilEndpoints(1);
    expect(followed.state()).toMatchObject({ heldCount: 0 });
    gate.hang();
    await followed.untilState('lost');
    expect(followed.state()?.reason).toMatch(/no answer within 1000 ms/);
    await docker('rm', '-f', `${project}-three`);
    expect(await followed.endpoints()).toHaveLength(1);
    gate.cut();
    await gate.reopen();
    await followed.untilEndpoints(0);
    expect(followed.state()).toMatchObject({ heldCount: 0 });
  });

  it.skipIf(engine.restart === undefined)(
    'goes through a restart of the engine',
    async () => {
      await compose('up', '-d', '--scale', 'web=2');
      const followed = follow({ timing: { resyncMs: 2_000 } });
      const healthy = async () => (await followed.endpoints()).filter(({ health }) => health === 'healthy').length;
      await followed.until('two healthy', async () => (await healthy()) === 2);
      await engine.restart?.();
      // The restart policy of the project brings its containers back, with addresses of their own.
      await waitFor(async () => (await running()).trim().split('\n').length === 2, {
        what: 'containers to be back',
        limitMs: 60_000,
      });
      await followed.untilState('synced');
      await followed.until('two healthy again', async () => (await healthy()) === 2);
      for (const { id, address: ip } of await followed.endpoints()) {
        const format = `{{(index .NetworkSettings.Networks "${project}_default").IPAddress}}`;
        expect((await docker('inspect', '-f', format, id)).trim()).toBe(ip);
      }
    },
    300_000,
  );

  it('is captured, and the capture gives the same facts', async () => {
    await run('captured', '--label', 'periplus.io/port=80', '-e', 'PASSWORD=hunter2');
    const change = async () => {
      await run('late', '--label', 'periplus.io/port=81');
      await docker('pause', `${project}-captured`);
      await docker('rm', '-f', `${project}-late`);
      await run('last', '--label', 'periplus.io/port=82');
    };
    const flags = ['--docker', address];
    const first = '/containers/json';
    const { text, replayed } = await captureAndReplay(flags, { first, change, last: `/${project}-last` });
    expect(text).not.toContain('hunter2');
    expect(text).toContain('Paused');
    expect(replayed.stdout).toMatch(/docker\/\S+: \d+ facts, 0 subjects differ$/m);
    expect(replayed.code).toBe(0);
  }, 120_000);

  it('is what `serve --docker` reads, with the commands of the guide', async () => {
    await compose('up', '-d');
    const [admin = 0, xds = 0] = await freePorts(2);
    const server = `http://127.0.0.1:${admin}`;
    const data = mkdtempSync(join(tmpdir(), 'periplus-docker-'));
    const ports = ['--admin-port', String(admin), '--xds-port', String(xds)];
    const served = new RunningPeriplus(['serve', '--docker', address, '--log', 'memory:', '--data', data, ...ports]);
    cleanups.push(async () => {
      await served.stop();
      rmSync(data, { recursive: true, force: true });
    });
    await served.untilServing(`${server}/readyz`);
    const listed = () => periplusJson<readonly Endpoint[]>('get', 'endpoints', 'web', '--server', server);
    await waitFor(async () => (await listed())[0]?.health === 'healthy', { what: 'the endpoint', limitMs: 60_000 });
    expect(await listed()).toMatchObject([{ platform: 'docker', labels: { version: 'v1' } }]);
    const check = await periplus(['check', '--server', server]);
    expect(check.stdout).toMatch(/ok +adapter docker \S+: synced/);
  });
});
