#!/usr/bin/env -S node --max-semi-space-size=4 --no-parallel-scavenge
// 4 MiB of young generation: V8's default of 16 costs 60 MiB of memory and brings no speed here (docs/decisions/0007-memory.md).
// Starts Periplus with a Node that can run it: this one, or the one that an npm package brought; plain JavaScript so that any Node can read it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import nodeModule, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const requiredMajor = 24;
const here = fileURLToPath(import.meta.url);
const root = dirname(dirname(here));

if (Number(process.versions.node.split('.')[0]) >= requiredMajor) {
  // Compiled code is kept between runs: a short command starts in half the time.
  nodeModule.enableCompileCache?.();
  // An installed package carries compiled code: Node strips no types inside node_modules.
  const compiled = join(root, 'dist', 'cli', 'main.js');
  const source = join(root, 'cli', 'main.ts');
  const entry = existsSync(source) ? source : compiled;
  const { runProcess } = await import(pathToFileURL(entry).href);
  await runProcess();
} else {
  const node = packagedNode();
  if (node === undefined || process.env.PERIPLUS_REEXECUTED === '1') {
    process.stderr.write(
      `error: Periplus needs Node ${requiredMajor} or newer; this is ${process.version} (${process.execPath}).\n` +
        '  Install it from https://nodejs.org, or install periplus with its optional dependencies\n' +
        '  (npm install --include=optional), which bring a Node for Linux on x64 and arm64.\n',
    );
    process.exit(2);
  }
  runAgain(node);
}

/** The Node binary of the `node-linux-*` package for this machine, if it is installed. */
function packagedNode() {
  try {
    const packageJson = createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/package.json`);
    const binary = join(dirname(packageJson), 'bin', 'node');
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

/** Runs this same command with `node`, hands signals on and ends as it ends. */
function runAgain(node) {
  const child = spawn(node, ['--max-semi-space-size=4', '--no-parallel-scavenge', here, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, PERIPLUS_REEXECUTED: '1' },
  });
  // A terminal's Ctrl-C reaches the child by itself too, which takes both for one.
  process.on('SIGINT', () => child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  child.on('error', (error) => {
    process.stderr.write(`error: ${node} can't be started: ${error.message}\n`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => {
    process.exit(code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1));
  });
}
