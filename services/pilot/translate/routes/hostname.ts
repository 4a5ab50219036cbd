// How hostnames with wildcards (`*.example.com`) overlap, contain one another and are ordered, as Istio decides it.
import { isHostWithin } from '../names.ts';

/** Whether a hostname starts with a wildcard. */
export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/** Whether some name is meant by both. */
export function hostsOverlap(a: string, b: string): boolean {
  return isHostWithin(a, b) || isHostWithin(b, a);
}

/** The names that both lists cover, each in its narrower form, in the order of `hosts`. */
export function intersectHosts(hosts: readonly string[], others: readonly string[]): string[] {
  const found = new Set<string>();
  for (const host of hosts) {
    for (const other of others) {
      if (isHostWithin(host, other)) found.add(host);
      else if (isHostWithin(other, host)) found.add(other);
    }
  }
  return [...found];
}

/** Orders names by how specific they are: plain before wildcard, long before short, then by code unit. */
export function compareSpecificity(a: string, b: string): number {
  if (isWildcard(a) !== isWildcard(b)) return isWildcard(a) ? 1 : -1;
  if (a.length !== b.length) return b.length - a.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The hosts of a Gateway server that a namespace may bind: `ns/host` is for that namespace alone, `*` and no prefix for all. */
export function hostsForNamespace(hosts: readonly string[], namespace: string): string[] {
  return hosts.flatMap((host) => {
    const slash = host.indexOf('/');
    if (slash < 0) return [host];
    const prefix = host.slice(0, slash);
    return prefix === namespace || prefix === '*' ? [host.slice(slash + 1)] : [];
  });
}
