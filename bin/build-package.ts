// `npm pack`'s prepack step: compiles the product (no tests) to dist/, because Node strips no types inside node_modules.
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const config = join(root, 'tsconfig.package.json');
writeFileSync(
  config,
  JSON.stringify({
    extends: './tsconfig.json',
    compilerOptions: {
      noEmit: false,
      outDir: 'dist',
      rootDir: '.',
      declaration: true,
      sourceMap: false,
      noUnusedLocals: false,
    },
    include: ['lib', 'events', 'mesh', 'adapters', 'services', 'agent', 'run', 'cli'].map(
      (folder) => `${folder}/**/*.ts`,
    ),
    exclude: [
      '**/*.test.ts',
      '**/contract.ts',
      '**/contract-*.ts',
      '**/*-fixture.ts',
      // All contract suites but those of adapters and handlers, which third parties run on their own.
      ...globSync('{lib,events,mesh,adapters,services,agent,run,cli}/**/*-contract.ts', { cwd: root }).filter(
        (file) => file !== 'adapters/adapter-contract.ts' && file !== 'services/mixer/handlers/handler-contract.ts',
      ),
      '**/*.child.ts',
      '**/testdata/**',
    ],
  }),
);
const tsc = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', config], { cwd: root, stdio: 'inherit' });
rmSync(config, { force: true });
if (tsc.status !== 0) process.exit(1);
cpSync(join(root, 'gen'), join(dist, 'gen'), { recursive: true, filter: (file) => !file.endsWith('.input-hash') });
const examples = ['examples/bookinfo/**/*.{js,yaml,html,css,svg}', 'examples/adapter-template/*'];
for (const file of globSync(examples, { cwd: root })) {
  mkdirSync(dirname(join(dist, file)), { recursive: true });
  cpSync(join(root, file), join(dist, file));
}
