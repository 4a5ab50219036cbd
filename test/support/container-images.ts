// Stand-ins for the official images where none can be pulled: Debian by debootstrap, and on it the real programs that this machine has.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureEnvoy } from '../../agent/envoy-binary.ts';
import { findConsul } from './consul-install.ts';
import { findNatsServer } from './nats-install.ts';
import { root } from './periplus.ts';
import { mustRun, runProgram } from './run-program.ts';

/** Programs that making stand-ins takes. */
export const neededForStandIns: readonly string[] = ['debootstrap', 'npm', 'prometheus', 'tar'];

const names = ['node', 'nats', 'envoyproxy/envoy', 'prom/prometheus', 'hashicorp/consul'] as const;
type BaseName = (typeof names)[number];

/** What our images stand on and what runs beside them: repository → the whole name that the files use. */
export function baseImages(): Readonly<Record<BaseName, string>> {
  const text = ['Dockerfile', 'docker-compose.yml'].map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  const entries = names.map((name) => {
    const found = new RegExp(`(?:image: |_IMAGE=)(${name}:[\\w.-]+)`).exec(text)?.[1];
    if (found === undefined) throw new Error(`neither Dockerfile nor docker-compose.yml names an image of ${name}`);
    return [name, found] as const;
  });
  return Object.fromEntries(entries) as Record<BaseName, string>;
}

/** Changes when the recipes below do, so that older stand-ins are made again. */
const recipe = '1';
const debian = `periplus-test/debian:${recipe}`;

/** Makes what the engine of `env` does not have yet. Takes minutes the first time; the engine keeps them. */
export async function makeStandIns(env: NodeJS.ProcessEnv): Promise<void> {
  const images = baseImages();
  const scratch = mkdtempSync(join(tmpdir(), 'periplus-images-'));
  try {
    if (!(await has(debian, env))) await importDebian(scratch, env);
    for (const name of names) {
      const stamp = `periplus-test/${name}:${recipe}-${images[name].split(':')[1]}`;
      if (!(await has(stamp, env))) await build(stamp, await contents[name](), { scratch, env });
      await mustRun('docker', ['tag', stamp, images[name]], { env });
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function has(image: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  return (await runProgram('docker', ['image', 'inspect', image], { env })).code === 0;
}

async function importDebian(scratch: string, env: NodeJS.ProcessEnv): Promise<void> {
  process.stderr.write('making a Debian image with debootstrap (a minute or two, once) …\n');
  const folder = join(scratch, 'debian');
  const what = ['--variant=minbase', '--include=busybox,ca-certificates', 'bookworm', folder];
  await mustRun('debootstrap', what, { limitMs: 900_000 });
  const pack = spawn('tar', ['-C', folder, '--exclude=./var/cache/apt/archives/*.deb', '-c', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const load = spawn('docker', ['import', '-', debian], { env, stdio: [pack.stdout, 'ignore', 'inherit'] });
  const code = await new Promise<number | null>((resolve) => load.once('close', resolve));
  if (code !== 0) throw new Error(`docker import ended with ${code}`);
}

/** What goes into an image: files by their path in the build's context, and the Dockerfile after FROM. */
interface Contents {
  readonly files: Readonly<Record<string, string>>;
  readonly lines: readonly string[];
}

async function build(
  tag: string,
  { files, lines }: Contents,
  { scratch, env }: { readonly scratch: string; readonly env: NodeJS.ProcessEnv },
): Promise<void> {
  process.stderr.write(`making a stand-in for ${tag} …\n`);
  const context = mkdtempSync(join(scratch, 'context-'));
  for (const [to, from] of Object.entries(files))
    cpSync(from, join(context, to), { recursive: true, dereference: true });
  writeFileSync(join(context, 'Dockerfile'), `${[`FROM ${debian}`, ...lines].join('\n')}\n`);
  await mustRun('docker', ['build', '-t', tag, context], { env, limitMs: 600_000 });
}

const busyboxWget = 'RUN ln -s /bin/busybox /usr/local/bin/wget';
const contents: Readonly<Record<BaseName, () => Promise<Contents>>> = {
  node: async () => {
    const packaged = join(root, `node_modules/node-linux-${process.arch}/bin/node`);
    // Not `npm root -g`: under `npm test` that is the folder of another Node.
    const npm = dirname(dirname((await mustRun('sh', ['-c', 'readlink -f "$(command -v npm)"'])).trim()));
    // The containers trust whom this machine trusts, should its registry answer with a certificate of its own.
    const bundle = '/etc/ssl/certs/ca-certificates.crt';
    const trust = existsSync(bundle);
    return {
      files: { node: existsSync(packaged) ? packaged : process.execPath, npm, ...(trust && { bundle }) },
      lines: [
        'COPY node /usr/local/bin/node',
        'COPY npm /usr/local/lib/node_modules/npm',
        'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
        'RUN useradd --uid 1000 --create-home node',
        ...(trust ? [`COPY bundle ${bundle}`, `ENV NODE_EXTRA_CA_CERTS=${bundle}`] : []),
      ],
    };
  },
  nats: async () => {
    const found = await findNatsServer();
    if ('why' in found) throw new Error(`no nats-server for an image: ${found.why}`);
    return { files: { server: found.path }, lines: ['COPY server /usr/local/bin/nats-server', busyboxWget] };
  },
  'hashicorp/consul': async () => {
    const found = await findConsul();
    if ('why' in found) throw new Error(`no Consul for an image: ${found.why}`);
    return { files: { consul: found.path }, lines: ['COPY consul /bin/consul', 'ENTRYPOINT ["/bin/consul"]'] };
  },
  'envoyproxy/envoy': async () => {
    const { path } = await ensureEnvoy({ onProgress: (line) => process.stderr.write(`${line}\n`) });
    return { files: { envoy: path }, lines: ['COPY envoy /usr/local/bin/envoy'] };
  },
  'prom/prometheus': async () => ({
    files: { prometheus: (await mustRun('sh', ['-c', 'command -v prometheus'])).trim() },
    lines: [
      'COPY prometheus /usr/bin/prometheus',
      busyboxWget,
      'RUN install -d -o nobody /prometheus',
      'USER nobody',
      'WORKDIR /prometheus',
      'ENTRYPOINT ["/bin/prometheus"]',
    ],
  }),
};
