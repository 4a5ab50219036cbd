// Puts interception rules into this network namespace with the system's iptables.
import { spawnSync } from 'node:child_process';
import { MeshError } from '../lib/mesh-error.ts';
import { type InterceptionRules, restoreText } from './interception-rules.ts';

/** nftables first, as every current kernel has it; the older tables where it has not. */
const families = [
  { save: 'iptables-save', restore: 'iptables-restore' },
  { save: 'iptables-legacy-save', restore: 'iptables-legacy-restore' },
] as const;

/**
 * Applies `rules` in one transaction, leaving rules of others (Docker's DNS has some) as they are; a second time changes nothing.
 * Gives the program that did it. Throws MeshError `unavailable` with what each program said: no iptables, no NET_ADMIN, no kernel support.
 */
export function applyInterception(rules: InterceptionRules): string {
  const problems: string[] = [];
  for (const { save, restore } of families) {
    const saved = spawnSync(save, ['-t', 'nat'], { encoding: 'utf8' });
    const input = restoreText(rules, saved.status === 0 ? saved.stdout : '');
    const run = spawnSync(restore, ['--noflush', '--wait', '10'], { encoding: 'utf8', input });
    if (run.status === 0) return restore;
    const said = run.error?.message ?? (run.stderr.trim() || `exit code ${run.status}`);
    problems.push(`${restore}: ${said.split('\n')[0]}`);
  }
  throw new MeshError(
    'unavailable',
    `can't capture traffic: ${problems.join('; ')}\n  it needs iptables, root and the capability NET_ADMIN (iptables-legacy: NET_RAW too) in the application's network namespace`,
  );
}
