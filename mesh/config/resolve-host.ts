// Host names in resources: what a short name stands for, and what a wildcard covers.

/**
 * The fully qualified form of a host written in a resource of `namespace`: a name without dots is a Kubernetes-style service of that
 * namespace (istio.io/latest/docs/reference/config/networking/virtual-service#Destination); anything else stays.
 */
export function fullHostname(host: string, namespace: string, domain = 'cluster.local'): string {
  return host.includes('.') || host.startsWith('*') ? host : `${host}.${namespace}.svc.${domain}`;
}

/** Whether some name is matched by both hosts, each perhaps with a leading wildcard. */
export function hostsOverlap(a: string, b: string): boolean {
  if (a === b || a === '*' || b === '*') return true;
  const [stemA, stemB] = [a.slice(1), b.slice(1)];
  if (a.startsWith('*') && b.startsWith('*')) return stemA.endsWith(stemB) || stemB.endsWith(stemA);
  if (a.startsWith('*')) return b.endsWith(stemA);
  return b.startsWith('*') && a.endsWith(stemB);
}
