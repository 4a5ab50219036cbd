// From a write to a real Docker engine to every proxy: `node bench/docker.ts [CONTAINERS] [PROXIES]`.
import { setTimeout as sleep } from 'node:timers/promises';
import { baseImages } from '../test/support/container-images.ts';
import { findEngine } from '../test/support/docker.ts';
import { mustRun } from '../test/support/run-program.ts';
import { runPlatform } from './platform-run.ts';

const prefix = 'periplus-bench';
/** Longer than the window of flapping, in which a second change of a container waits (adapters/README.md). */
const calmMs = 6_000;

/** Prints the figures: containers that were paused answer again, one after the other. */
async function benchDocker(containers: number, proxies: number): Promise<void> {
  const engine = await findEngine();
  if ('why' in engine) {
    console.log(engine.why);
    return;
  }
  const docker = (...args: readonly string[]) => mustRun('docker', args, { env: engine.env, limitMs: 120_000 });
  const names = Array.from({ length: containers }, (_, index) => `${prefix}-${index}`);
  try {
    for (const name of names)
      await docker(
        'run',
        '-d',
        '--name',
        name,
        '--label',
        'periplus.io/port=80',
        baseImages().node,
        'sleep',
        'infinity',
      );
    const format = '{{.NetworkSettings.IPAddress}}';
    const addresses = (await docker('inspect', '-f', format, ...names)).trim().split('\n');
    await docker('pause', ...names);
    const where = engine.env?.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
    const change = async (round: number) => {
      await docker('unpause', names[round - 1] ?? '');
    };
    await sleep(calmMs);
    const addressOf = (round: number) => addresses[round - 1] ?? '';
    await runPlatform(
      { name: 'docker', where, change, addressOf },
      { services: containers, proxies, rounds: containers },
    );
  } finally {
    await docker('rm', '-f', ...names);
    await engine.dispose();
  }
}

if (import.meta.main) {
  const [containers = 20, proxies = 300] = process.argv.slice(2).map(Number);
  await benchDocker(containers, proxies);
}
