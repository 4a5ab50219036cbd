// Proxies of banned identities: Pilot refuses their streams and ends those that are open.
import { isBanned } from '../../mesh/bans.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import type { ProxyContext } from './translate/proxy-context.ts';

/** Why a proxy is refused; undefined: it is not. Before the first snapshot nobody is: nothing is served then either. */
export function banProblem(snapshot: Snapshot | undefined, context: ProxyContext): string | undefined {
  if (!snapshot || !isBanned(snapshot.bans, context, snapshot.mesh)) return undefined;
  return `the identity ${context.namespace}/${context.serviceAccount} is banned`;
}

/** Ends the streams of banned proxies. */
export function endBannedStreams(
  streams: Iterable<{
    readonly identity: { readonly context: ProxyContext } | undefined;
    end(code: 'unavailable', message: string): void;
  }>,
  snapshot: Snapshot,
): void {
  if (snapshot.bans.size === 0) return;
  for (const stream of [...streams]) {
    const problem = stream.identity && banProblem(snapshot, stream.identity.context);
    if (problem) stream.end('unavailable', problem);
  }
}
