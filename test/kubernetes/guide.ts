// Cases of kubernetes.test.ts: the commands of docs/guides/kubernetes.md, word for word, with kubectl.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { expect, it } from 'vitest';
import { RunningPeriplus, root } from '../support/periplus.ts';
import { waitFor } from '../support/wait-for.ts';
import type { OnKube } from './on-kube.ts';

const kubectl = process.env.PERIPLUS_KUBECTL ?? 'kubectl';
const hasKubectl = spawnSync(kubectl, ['version', '--client'], { timeout: 30_000 }).status === 0;

/** What commands must show, and their exit code where that is not 0. Others need only end well. */
const expectations: readonly (readonly [command: RegExp, shows: RegExp, code?: number])[] = [
  [/rbac\.yaml/, /clusterrole\S* periplus-status|clusterrole\.rbac\.authorization\.k8s\.io\/periplus-status/],
  [/can-i (watch|patch .*--subresource)/, /^yes$/m],
  [/can-i (list secrets|patch virtualservices\S+ -A)/, /^no$/m, 1],
  [/get services/, /api.*kubernetes/],
  [/ check$/, /adapter kubernetes/],
  [/control-plane\.yaml/, /deployment\.apps\/periplus created/],
  [/get deployment,/, /networkpolicy\S*\/periplus/],
  [/kubectl get policies/, /no-robots +True/],
  [/kubectl wait/, /condition met/],
  [/no-robots\.yaml/, /no-robots created/],
];

const guide = readFileSync(join(root, 'docs/guides/kubernetes.md'), 'utf8');
const commands = [...guide.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  .flatMap(([, block = '']) => block.split('\n'))
  .map((line) => line.replace(/\s#.*/, '').trim())
  .filter((line) => line !== '');

/** Registers the case. */
export function guideCase(onKube: OnKube): void {
  it('the commands of docs/guides/kubernetes.md', async (context) => {
    if (!hasKubectl) return context.skip('there is no kubectl: put it on PATH, or name one in PERIPLUS_KUBECTL');
    await onKube(async (kube) => {
      const folder = mkdtempSync(join(tmpdir(), 'periplus-kube-guide-'));
      let control: RunningPeriplus | undefined;
      try {
        for (const name of ['deploy', 'examples']) symlinkSync(join(root, name), join(folder, name));
        copyFileSync(kube.kubeconfig(kube.port, 'admin-token'), join(folder, 'admin.kubeconfig'));
        mkdirSync(join(folder, 'bin'));
        if (process.env.PERIPLUS_KUBECTL) symlinkSync(kubectl, join(folder, 'bin/kubectl'));
        const run = (line: string) => shell(line, folder);
        for (const line of commands) {
          if (line.startsWith('periplus serve')) {
            control = await serve(line, folder);
            continue;
          }
          const [, shows = /./, expectedCode = 0] = expectations.find(([command]) => command.test(line)) ?? [];
          const { code, output } = await run(line);
          expect([line, output, code]).toEqual([line, output, expectedCode]);
          if (shows.source !== '.') expect(output).toMatch(shows);
        }
        expect(commands).toHaveLength(18);
      } finally {
        await control?.stop();
        rmSync(folder, { recursive: true, force: true });
      }
    })(context);
  });
}

/** The line's flags, and ports of its own. */
async function serve(line: string, folder: string): Promise<RunningPeriplus> {
  const [, , ...args] = line.split(' ').map((word) => (word === 'periplus.kubeconfig' ? join(folder, word) : word));
  const flags = ['--log', 'memory:', '--xds-port', '0', '--admin-port', '0'];
  const control = new RunningPeriplus(['serve', ...args, ...flags]);
  const address = /Admin API +(http:\/\/\S+:\d+)/;
  await waitFor(() => address.test(control.output), { what: () => `the admin API: ${control.output}` });
  const server = address.exec(control.output)?.[1] ?? '';
  const shim = `#!/bin/sh\nexec ${process.execPath} ${join(root, 'bin/periplus.js')} "$@" --server ${server}\n`;
  writeFileSync(join(folder, 'bin/periplus'), shim, { mode: 0o755 });
  await waitFor(async () => (await fetch(`${server}/readyz`)).ok, { what: 'ready' });
  return control;
}

function shell(line: string, folder: string): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const PATH = [join(folder, 'bin'), process.env.PATH].join(delimiter);
    const env = { ...process.env, PATH, KUBECONFIG: join(folder, 'admin.kubeconfig'), HOME: folder };
    const child = spawn('/bin/sh', ['-c', line], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 90_000,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
