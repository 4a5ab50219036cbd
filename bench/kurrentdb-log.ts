// The KurrentDB log for bench/log.ts: on the server that PERIPLUS_KURRENTDB_URL names, since none can be started everywhere.
import { randomBytes } from 'node:crypto';
import { openKurrentDbLogs } from '../events/logs/kurrentdb.ts';
import type { OpenForBench } from './log.ts';

/** Opens a log of its own each time; what it wrote stays on the server. Undefined: the variable names no server. */
export function kurrentDbForBench(url = process.env.PERIPLUS_KURRENTDB_URL): OpenForBench | undefined {
  if (url === undefined) return undefined;
  const [hosts = '', options] = url.split('?');
  return async () => {
    const mesh = `bench_${randomBytes(6).toString('hex')}`;
    const query = options === undefined ? '' : `?${options}`;
    const { facts, deliveries } = await openKurrentDbLogs(`${hosts.replace(/\/$/, '')}/${mesh}${query}`);
    const dispose = async () => {
      await Promise.all([facts.close(), deliveries.close()]);
    };
    return { log: facts, dispose };
  };
}
