// The generations of Compose that this machine has: docker-compose.yml is to work with both.
import { join } from 'node:path';
import { cacheFolder } from '../../agent/envoy-binary.ts';
import { runProgram } from './run-program.ts';

/** One that runs here. */
export interface ComposeProgram {
  readonly generation: '1' | '2';
  /** Program and first arguments. */
  readonly command: readonly [string, ...string[]];
}

/** Both generations, or why one is not to be had. */
export interface ComposePrograms {
  readonly found: readonly ComposeProgram[];
  /** Names of the generations that are missing. */
  readonly missing: readonly string[];
}

/**
 * `PERIPLUS_DOCKER_COMPOSE` alone, if it is set; else `docker compose`, `docker-compose`, and what was put into the cache by hand:
 * Compose 2 has no package of Debian 12, and takes ten minutes to build (`go build github.com/docker/compose/v2/cmd`).
 */
export async function findComposes(): Promise<ComposePrograms> {
  const asked = process.env.PERIPLUS_DOCKER_COMPOSE;
  const cached = join(cacheFolder(), `docker-compose-2.40.3-${process.platform}-${process.arch}`, 'docker-compose');
  const everywhere: ComposeProgram['command'][] = [['docker', 'compose'], ['docker-compose'], [cached]];
  const found: ComposeProgram[] = [];
  for (const command of asked ? [[asked] as const] : everywhere) {
    const [program, ...args] = command;
    const { code, stdout } = await runProgram(program, [...args, 'version', '--short']);
    const generation = /^v?(\d+)\./.exec(stdout.trim())?.[1] === '1' ? '1' : '2';
    if (code === 0 && !found.some((one) => one.generation === generation)) found.push({ generation, command });
  }
  const names = { 1: 'docker-compose 1.29', 2: 'docker compose v2' } as const;
  const missing = (['1', '2'] as const).filter((generation) => !found.some((one) => one.generation === generation));
  return { found, missing: missing.map((generation) => names[generation]) };
}
