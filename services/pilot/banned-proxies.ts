// Proxies of banned identities: Pilot refuses their streams and ends those that are open.
import { isBanned } from '../../mesh/bans.ts';
import type { Snapshot } from '../../mesh/snapshot.ts';
import { parseSpiffeId } from '../../mesh/spiffe-id.ts';
import type { ProxyContext } from './translate/proxy-context.ts';

/** Who a proxy is: what it says and, over mutual TLS, what its certificate proves. */
interface ProxyClaims {
  readonly context: Pick<ProxyContext, 'namespace' | 'serviceAccount'>;
  /** Proven. A node need not say its service account, so a ban has to look here as well. */
  readonly spiffeId?: string;
}

/** Why a proxy is refused; undefined: it is not. Before the first snapshot nobody is: nothing is served then either. */
export function banProblem(
  snapshot: Snapshot | undefined,
  { context, spiffeId = '' }: ProxyClaims,
): string | undefined {
  if (!snapshot || snapshot.bans.size === 0) return undefined;
  const proven = parseSpiffeId(spiffeId);
  const banned = [context, ...(proven.ok ? [proven.id] : [])].find((id) => isBanned(snapshot.bans, id, snapshot.mesh));
  return banned && `the identity ${banned.namespace}/${banned.serviceAccount} is banned`;
}

/** Ends the streams of banned proxies. */
export function endBannedStreams(
  streams: Iterable<{ readonly identity: ProxyClaims | undefined; end(code: 'unavailable', message: string): void }>,
  snapshot: Snapshot,
): void {
  if (snapshot.bans.size === 0) return;
  for (const stream of [...streams]) {
    const problem = stream.identity && banProblem(snapshot, stream.identity);
    if (problem) stream.end('unavailable', problem);
  }
}
