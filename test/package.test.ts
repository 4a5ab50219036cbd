// The packed package, installed in an empty folder as a user would: it renders, it starts, and it carries nothing it should not.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from './support/free-port.ts';
import { root } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';

describe('the packed package', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-package-'));
  const folder = join(scratch, 'empty');
  let files: string[] = [];

  beforeAll(() => {
    mkdirSync(folder);
    const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', scratch], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [description] = JSON.parse(packed.slice(packed.indexOf('['))) as {
      filename: string;
      files: { path: string }[];
    }[];
    files = description?.files.map(({ path }) => path) ?? [];
    writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true }\n');
    execFileSync(
      'npm',
      ['install', '--no-audit', '--no-fund', '--prefer-offline', join(scratch, description?.filename ?? '')],
      { cwd: folder, stdio: 'inherit' },
    );
  });
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
});
