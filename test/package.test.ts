// The packed package, installed in an empty folder as a user would: it renders, it starts, it runs adapters of others, and it carries nothing it should not.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from './support/free-port.ts';
import { guideCommands } from './support/guide.ts';
import { root } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

function pack(cwd: string, destination: string): Packed {
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', destination], {
    ...{ cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  });
  const [description] = JSON.parse(packed.slice(packed.indexOf('['))) as Packed[];
  if (description === undefined) throw new Error(`npm pack said: ${packed}`);
  return description;
}

describe('the packed package', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-package-'));
  const folder = join(scratch, 'empty');
  let files: string[] = [];

  beforeAll(() => {
    mkdirSync(folder);
    const product = pack(root, scratch);
    const adapter = pack(join(root, 'examples/dns-srv-adapter'), scratch);
    files = product.files.map(({ path }) => path);
    expect(adapter.files.map(({ path }) => path).sort()).toEqual(['README.md', 'adapter.js', 'package.json']);
    writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true }\n');
    execFileSync(
      'npm',
      [
        ...['install', '--no-audit', '--no-fund', '--prefer-offline'],
        ...[product, adapter].map(({ filename }) => join(scratch, filename)),
      ],
      { cwd: folder, stdio: 'inherit' },
    );
    // What a developer would install, too; here it is the checkout's.
    for (const name of ['vitest', 'dns2', 'typescript'])
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    // npm packs, compiles and installs: minutes on a busy machine.
  }, 400_000);
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  it('carries its licence and no test material', () => {
    expect(files).toContain('LICENSE');
    expect(files).toContain('README.md');
    expect(files.filter((file) => /\.test\.|fixture|testdata|^test\/|^bench\//.test(file))).toEqual([]);
    expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([]);
  });

  it('renders offline with npx', () => {
    writeFileSync(
      join(folder, 'web.yaml'),
      'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: web }\nspec:\n  hosts: [web.example]\n  ports: [{ number: 80, name: http, protocol: HTTP }]\n  resolution: STATIC\n  endpoints: [{ address: 192.0.2.1 }]\n',
    );
    writeFileSync(
      join(folder, 'node.json'),
      '{ "id": "sidecar~10.0.0.1~a.default~default.svc.cluster.local", "metadata": { "NAMESPACE": "default" } }',
    );
    const rendered = JSON.parse(
      execFileSync('npx', ['periplus', 'render', '-f', 'web.yaml', '--node', 'node.json'], {
        cwd: folder,
        encoding: 'utf8',
      }),
    ) as {
      resources: { clusters: { name: string }[] };
    };
    expect(rendered.resources.clusters.map(({ name }) => name)).toContain('outbound|80||web.example');
  });

  it('starts with npx periplus up', async () => {
    const [admin = 0, xds = 0] = await freePorts(2);
    const ports = ['--admin-port', String(admin), '--xds-port', String(xds), '--xds-mtls-port', '0'];
    const others = ['--mixer-port', '0', '--citadel-port', '0', '--citadel-web-port', '0'];
    const args = ['periplus', 'up', '--no-demo', ...ports, ...others];
    const up = spawn('npx', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    for (const stream of [up.stdout, up.stderr]) stream.on('data', (chunk) => (output += chunk));
    try {
      await waitFor(
        async () => (await fetch(`http://127.0.0.1:${admin}/readyz`).catch(() => undefined))?.status === 200,
        { what: () => `readyz; output:\n${output}`, limitMs: 30_000 },
      );
    } finally {
      process.kill(-(up.pid ?? 0), 'SIGINT');
      await new Promise((resolve) => (up.exitCode === null ? up.on('exit', resolve) : resolve(undefined)));
    }
  });

  it('has a working adapter for whoever asks for one: types, contract suite, and it is refused a second time', () => {
    const run = (command: string, args: readonly string[]) =>
      execFileSync(command, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
    // The guide's first commands; what npm would fetch is linked from the checkout, see above.
    const [make = '', install, test = '', serve = ''] = guideCommands('writing-an-adapter');
    expect([make, install, test]).toEqual([
      'periplus adapter new shop',
      'npm install --prefix periplus-shop',
      'npm test --prefix periplus-shop',
    ]);
    expect(run('npx', make.split(' '))).toContain('wrote periplus-shop/adapter.test.js');
    expect(run('npm', test.split(' ').slice(1))).toMatch(/Tests +\d+ passed .*\(\d+\)/);
    const [, module = '', file = ''] = / --adapter (\S+):(\S+)$/.exec(serve) ?? [];
    for (const path of [module, file]) expect(existsSync(join(folder, path)), path).toBe(true);
    const strict = ['--noEmit', '--allowJs', '--checkJs', '--strict', '--skipLibCheck', '--target', 'es2024'];
    const modules = ['--module', 'nodenext', '--types', 'node'];
    const tsc = join(root, 'node_modules/.bin/tsc');
    run(tsc, [...strict, ...modules, 'periplus-shop/adapter.js']);
    run(tsc, [...strict, ...modules, 'node_modules/periplus-dns-srv/adapter.js']);
    expect(() => run('npx', ['periplus', 'adapter', 'new', 'shop'])).toThrow(/periplus-shop exists/);
  });

  it("passes the contract suite with the worked example, an adapter that isn't in the tree", () => {
    cpSync(join(root, 'examples/dns-srv-adapter'), join(folder, 'dns-srv'), { recursive: true });
    const args = ['vitest', 'run', '--root', 'dns-srv'];
    const output = execFileSync('npx', args, { cwd: folder, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
    expect(output).toMatch(/Tests +\d+ passed .*\(\d+\)/);
  });

  it("passes the contract suite of handlers with the example of a third party's", () => {
    cpSync(join(root, 'examples/handler-module'), join(folder, 'guests'), { recursive: true });
    const args = ['vitest', 'run', '--root', 'guests'];
    const output = execFileSync('npx', args, { cwd: folder, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
    expect(output).toMatch(/Tests +\d+ passed .*\(\d+\)/);
  });

  it('runs the installed example: DNS answers become endpoints, follow, and stay when the server is silent', async () => {
    const { openDnsServer } = (await import(join(root, 'examples/dns-srv-adapter/dns-server.js'))) as {
      openDnsServer: () => Promise<DnsServer>;
    };
    const dns = await openDnsServer();
    const record = '_http._tcp.web.example';
    const target = (number: number) => ({ target: `web-${number}.example`, port: 8080, address: `10.0.0.${number}` });
    dns.set(record, [target(1)]);
    const config = { services: [{ record, port: 80 }], server: dns.address, refreshSeconds: 0.2, timeoutMs: 300 };
    writeFileSync(join(folder, 'dns.yaml'), JSON.stringify(config));
    const [admin = 0, xds = 0] = await freePorts(2);
    const server = `http://127.0.0.1:${admin}`;
    const ports = ['--admin-port', String(admin), '--xds-port', String(xds)];
    const args = ['periplus', 'serve', '--log', 'memory:', ...ports, '--adapter', 'periplus-dns-srv:dns.yaml'];
    const serve = spawn('npx', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    for (const stream of [serve.stdout, serve.stderr]) stream.on('data', (chunk) => (output += chunk));
    const get = async (path: string) => (await fetch(server + path).catch(() => undefined))?.text();
    const until = (what: string, fact: () => Promise<boolean>) =>
      waitFor(fact, { what: () => `${what}; output:\n${output}`, limitMs: 60_000 });
    const endpoints = () =>
      execFileSync('npx', ['periplus', 'get', 'endpoints', 'web', '-o', 'json', '--server', server], {
        ...{ cwd: folder, encoding: 'utf8' },
      });
    const addresses = () => (JSON.parse(endpoints()) as { address: string }[]).map(({ address }) => address).sort();
    try {
      await until('one', async () => (await get('/readyz')) !== undefined && addresses().join() === '10.0.0.1');
      dns.set(record, [target(1), target(2)]);
      await until('two', async () => addresses().join() === '10.0.0.1,10.0.0.2');
      await dns.answer(false);
      await until('the loss', async () =>
        /adapter dns-srv default.*can't be read.*DNS about/.test((await get('/readyz')) ?? ''),
      );
      expect(addresses()).toEqual(['10.0.0.1', '10.0.0.2']);
    } finally {
      process.kill(-(serve.pid ?? 0), 'SIGINT');
      await new Promise((resolve) => (serve.exitCode === null ? serve.on('exit', resolve) : resolve(undefined)));
      await dns.close();
    }
  });
});

interface DnsServer {
  readonly address: string;
  set(record: string, targets: readonly { target: string; port: number; address: string }[]): void;
  answer(wanted: boolean): Promise<void>;
  close(): Promise<unknown>;
}
