// Bad input at every door: files, folders and ports. The error says where and what, nothing is lost, nobody else notices.
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from './support/free-port.ts';
import { holdOpen, junk, randomBytes, send, sendGrpc } from './support/junk.ts';
import { type CommandResult, periplus, periplusJson, RunningPeriplus } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

/** What serving may grow by while it is fed junk: one bounded request body and what V8 keeps for later. */
const mayGrowByMiB = 200;

const scratch = mkdtempSync(join(tmpdir(), 'periplus-bad-input-'));
const configFolder = join(scratch, 'config');
let ports = { admin: 0, xds: 0, monitoring: 0, envoyAdmin: 0, status: 0 };
let server: RunningPeriplus;

beforeAll(async () => {
  const [admin = 0, xds = 0, monitoring = 0, envoyAdmin = 0, status = 0] = await freePorts(5);
  ports = { admin, xds, monitoring, envoyAdmin, status };
  mkdirSync(configFolder);
  writeFileSync(join(configFolder, 'services.yaml'), services);
  const where = ['--data', scratch, '--config', configFolder];
  const listen = ['--admin-port', `${admin}`, '--xds-port', `${xds}`, '--metrics-port', `${monitoring}`];
  server = new RunningPeriplus(['serve', ...where, ...listen]);
  await server.untilServing(`http://127.0.0.1:${admin}/readyz`);
});
afterAll(async () => {
  await server.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const services = `apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: 10.96.0.1, ports: [{ name: http, port: 80 }] }
`;

function virtualService(name: string, spec: string): string {
  return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: ${name}\nspec:\n${spec}\n`;
}
const routeTo = (name: string, host: string) =>
  virtualService(name, `  hosts: [${host}]\n  http:\n    - route:\n        - destination: { host: ${host} }`);

async function apply(text: string | Buffer, ...args: string[]): Promise<CommandResult & { readonly file: string }> {
  const file = join(scratch, 'input.yaml');
  writeFileSync(file, text);
  const result = await periplus(['apply', '-f', file, '--server', `http://127.0.0.1:${ports.admin}`, ...args]);
  return { ...result, file };
}

const get = (port: number, path: string) => fetch(`http://127.0.0.1:${port}${path}`);

async function position(): Promise<number> {
  const { position: head } = (await (await get(ports.admin, '/api/v1/summary')).json()) as { position: number };
  return head;
}

/** Runs `action`, which must leave the log where it was and the server ready. */
async function changingNothing<T>(action: () => Promise<T>): Promise<T> {
  const before = await position();
  const result = await action();
  expect(await position()).toBe(before);
  expect((await get(ports.admin, '/readyz')).status).toBe(200);
  expect(server.process.exitCode).toBeNull();
  return result;
}

describe('apply refuses', () => {
  const route = (field: string) =>
    `  hosts: [web]\n  http:\n    - route:\n        - destination: { host: web }\n${field}`;
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x, x]',
    ...Array.from('bcdefghi', (letter, index) => {
      const previous = 'abcdefgh'[index];
      return `${letter}: &${letter} [${Array.from({ length: 10 }, () => `*${previous}`).join(', ')}]`;
    }),
  ];
  const cases: readonly (readonly [what: string, text: string | Buffer, place: string, says: RegExp])[] = [
    ['broken YAML', 'apiVersion: v1\nkind: [VirtualService\nmetadata: {}\n', '3:', /YAML syntax/],
    ['a tab for indentation', 'apiVersion: v1\nspec:\n\thosts: []\n', '3:1', /tab/i],
    ['text that is no object', 'just words\n', '1:1', /object|mapping/],
    ['a text for a number', virtualService('x', route('          weight: many')), '10:19', /weight.*expected/],
    ['a list for a text', virtualService('x', '  hosts: web'), '6:10', /hosts.*expected a list/],
    [
      'an unknown kind',
      'apiVersion: networking.istio.io/v1\nkind: VirtualServise\nmetadata: { name: x }\n',
      '2:7',
      /VirtualServise.*VirtualService/,
    ],
    ['an unknown version', routeTo('x', 'web').replace('/v1', '/v7'), '1:13', /v7/],
    ['an unknown field', virtualService('x', route('      timeuot: 3s')), '10:7', /timeuot.*timeout/],
    [
      'a name given twice',
      `${routeTo('x', 'web')}---\n${routeTo('x', 'web')}`,
      '14:9',
      /VirtualService\/default\/x is given twice.*input\.yaml:4:9/,
    ],
    ['a field given twice', virtualService('x', '  hosts: [web]\n  hosts: [api]'), '7:3', /hosts.*twice|duplicate/i],
    ['a negative weight', virtualService('x', route('          weight: -1')), '10:19', /weight/],
    [
      'weights that are all zero',
      virtualService('x', route('          weight: 0\n        - destination: { host: api }\n          weight: 0')),
      '9:',
      /weight/,
    ],
    ['a name that is a path', routeTo('../../etc/passwd', 'web'), '4:9', /name/],
    ['binary junk', randomBytes(1, 8192), '1:', /not text/],
    [
      'a gigabyte out of few aliases',
      `${virtualService('x', '  hosts: [web]')}${bomb.join('\n')}\n`,
      '',
      /alias|too many|more than/i,
    ],
    ['nesting of 200 levels', virtualService('x', `  hosts: ${'['.repeat(200)}${']'.repeat(200)}`), '6:', /deep/],
    ['nesting of 100,000 levels', virtualService('x', `  hosts: ${'['.repeat(100_000)}`), '', /deep/],
  ];
  for (const [what, text, place, says] of cases) {
    it(what, async () => {
      const { code, stderr, stdout, file } = await changingNothing(() => apply(text));
      expect(code, stderr).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toMatch(says);
      expect(stderr).toContain(`${file}:${place}`);
      expect(stderr).toMatch(/input\.yaml:\d+:\d+/);
      expect(stderr).not.toMatch(/^\s+at /m);
    });
  }

  it('a good resource beside a bad one: all or nothing', async () => {
    const { code, stderr } = await changingNothing(() => apply(`${routeTo('good', 'web')}---\nkind: [\n`));
    expect(code, stderr).toBe(1);
    const list = await periplusJson<{ items: unknown[] }>('get', 'vs', '--server', `http://127.0.0.1:${ports.admin}`);
    expect(list.items).toEqual([]);
  });

  it('a file of 50 MB, at once', async () => {
    const file = join(scratch, 'large.yaml');
    const descriptor = openSync(file, 'w');
    ftruncateSync(descriptor, 50_000_000);
    closeSync(descriptor);
    const server = `http://127.0.0.1:${ports.admin}`;
    const { code, stderr } = await changingNothing(() => periplus(['apply', '-f', file, '--server', server]));
    expect(code).toBe(1);
    expect(stderr).toMatch(/large\.yaml:1:1 .*20 MiB/);
  });

  it('50 MB sent past the command line', async () => {
    const status = await changingNothing(async () => {
      const answer = fetch(`http://127.0.0.1:${ports.admin}/api/v1/apply`, {
        method: 'POST',
        headers: { 'content-type': 'application/yaml' },
        body: Buffer.alloc(50_000_000, 'a'),
      });
      // A server that stops reading may close before the answer has been taken.
      return await answer.then(({ status: code }) => code).catch(() => 413);
    });
    expect(status).toBe(413);
  });

  it('JSON of another shape, sent past the command line', async () => {
    for (const body of [
      '',
      '{',
      '[]',
      'null',
      '{"resources":7}',
      '{"resources":[7]}',
      '{"resources":[{"kind":"Pod"}]}',
    ]) {
      const answer = await changingNothing(() =>
        fetch(`http://127.0.0.1:${ports.admin}/api/v1/apply`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        }),
      );
      expect(answer.status, body).toBeGreaterThanOrEqual(400);
      expect(answer.status, body).toBeLessThan(500);
    }
  });
});

describe('apply warns of', () => {
  it('weights that do not add up to 100, and takes them as shares', async () => {
    const text = virtualService(
      'shares',
      `  hosts: [web]\n  http:\n    - route:\n        - { destination: { host: web }, weight: 1 }\n        - { destination: { host: api }, weight: 2 }`,
    );
    const before = await position();
    const { code, stderr } = await apply(text);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/input\.yaml:9:9 .*add up to 3.*IST0133/);
    expect(stderr.match(/add up to 3/g)).toHaveLength(1);
    expect(await position()).toBe(before + 1);
  });

  it('a subset that no DestinationRule has: accepted, as by Istio, and named by analyze', async () => {
    const text = routeTo('missing', 'web').replace('{ host: web }', '{ host: web, subset: v7 }');
    const applied = await apply(text);
    expect(applied.code, applied.stderr).toBe(0);
    const found = await periplus(['analyze', '--server', `http://127.0.0.1:${ports.admin}`]);
    expect(found.code).toBe(1);
    expect(found.stdout).toMatch(/IST0101.*VirtualService default\/missing.*v7/);
  });
});

describe('a configuration folder with a bad file', () => {
  const get = async (name: string) =>
    (await periplus(['get', 'vs', name, '-o', 'yaml', '--server', `http://127.0.0.1:${ports.admin}`])).stdout;
  const detail = async () => await (await fetch(`http://127.0.0.1:${ports.admin}/readyz`)).text();

  it('applies the others, reports the bad one, and keeps what it said before', async () => {
    const bad = join(configFolder, 'sometimes-bad.yaml');
    writeFileSync(bad, routeTo('first', 'web'));
    await waitFor(async () => (await get('first')).includes('host: web'), {
      what: 'the file to be applied',
      everyMs: 200,
    });
    writeFileSync(bad, routeTo('first', 'other').replace('route:', 'rout:'));
    writeFileSync(join(configFolder, 'good.yaml'), routeTo('second', 'api'));
    writeFileSync(join(configFolder, 'junk.yaml'), randomBytes(2, 10_000));
    await waitFor(async () => (await get('second')).includes('host: api'), { what: 'the good file', everyMs: 200 });
    await waitFor(async () => /sometimes-bad\.yaml:8:7 .*rout/.test(await detail()), {
      what: 'the report of the bad file',
    });
    expect(await detail()).toMatch(/junk\.yaml:1:\d+ .*not text/);
    expect(server.output).toMatch(/sometimes-bad\.yaml:8:7/);
    expect((await fetch(`http://127.0.0.1:${ports.admin}/readyz`)).status).toBe(200);
    expect(await get('first')).toContain('host: web');
    writeFileSync(bad, routeTo('first', 'other'));
    await waitFor(async () => (await get('first')).includes('host: other'), { what: 'the mended file', everyMs: 200 });
    expect(await detail()).not.toContain('sometimes-bad');
  });
});

describe('junk on every port', () => {
  let sidecar: RunningPeriplus;
  beforeAll(async () => {
    const identity = ['--name', 'client-v1', '--address', '127.77.1.1', '--data', scratch];
    const own = ['--envoy-admin-port', `${ports.envoyAdmin}`, '--status-port', `${ports.status}`];
    const rest = ['--ready-port', '0', '--prometheus-port', '0', '--concurrency', '1', '--drain', '1s'];
    const mode = ['--interception-mode', 'REDIRECT', '--pilot', `127.0.0.1:${ports.xds}`];
    sidecar = new RunningPeriplus(['sidecar', ...identity, ...own, ...rest, ...mode]);
    await sidecar.untilServing(`http://127.0.0.1:${ports.envoyAdmin}/ready`);
  });
  afterAll(() => sidecar.stop());

  const doors = ['xds', 'admin', 'monitoring', 'status'] as const;
  for (const door of doors) {
    it(`${door}: it goes on, its memory is bounded, others are served`, async () => {
      const port = ports[door];
      const { pid } = (door === 'status' ? sidecar : server).process;
      const before = residentMiB(pid);
      const release = await holdOpen(port, 50);
      try {
        for (const messages of Object.values(junk)) await Promise.all(messages.map((message) => send(port, message)));
        const text = routeTo(`after-${door}`, 'web');
        const { code, stdout, stderr } = await apply(text, '--wait', '--timeout', '20s');
        expect(code, stdout + stderr).toBe(0);
        expect(stdout + stderr).toContain('1/1 proxies');
      } finally {
        release();
      }
      expect(residentMiB(pid) - before).toBeLessThan(mayGrowByMiB);
      expect((await get(ports.admin, '/readyz')).status).toBe(200);
      expect((await get(ports.monitoring, '/metrics')).status).toBe(200);
      expect((await get(ports.envoyAdmin, '/ready')).status).toBe(200);
      expect(server.process.exitCode).toBeNull();
      expect(sidecar.process.exitCode).toBeNull();
    });
  }

  it('xDS: messages that are too large or no requests end their own stream only', async () => {
    const statuses = await changingNothing(async () => [
      await sendGrpc(ports.xds, Buffer.alloc(8 * 1024 * 1024)),
      await sendGrpc(ports.xds, randomBytes(3, 4096)),
      await sendGrpc(ports.xds, Buffer.alloc(0)),
    ]);
    expect(statuses.map(({ code }) => code)).toEqual([8, 3, 3]); // RESOURCE_EXHAUSTED, INVALID_ARGUMENT
    for (const { details } of statuses) expect(details).not.toBe('');
    const { code, stdout, stderr } = await apply(routeTo('after-grpc', 'web'), '--wait', '--timeout', '20s');
    expect(code, stdout + stderr).toBe(0);
  });

  it('nothing of it is in the log', async () => {
    const verified = await periplus(['replay', '--verify', '--server', `http://127.0.0.1:${ports.admin}`]);
    expect(verified.code, verified.stdout + verified.stderr).toBe(0);
    const server = `http://127.0.0.1:${ports.admin}`;
    const proxies = await periplusJson<{ name: string }[]>('proxy-status', '--server', server);
    expect(proxies.map(({ name }) => name)).toEqual(['client-v1.default']);
  });
});

function residentMiB(pid: number | undefined): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1024;
}
