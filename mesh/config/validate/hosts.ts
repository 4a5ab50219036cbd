// Host names, IP addresses and CIDR ranges as Istio accepts them.
import { isIP } from 'node:net';
import type { Place } from './place.ts';

const dnsLabel = /^[a-zA-Z0-9]([-a-zA-Z0-9_]{0,61}[a-zA-Z0-9])?$/;
const wildcardLabel = /^(\*|(\*-?|)[a-zA-Z0-9]([-a-zA-Z0-9_]{0,60}[a-zA-Z0-9])?)$/;
const namespaceForm = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Whether `text` is an IPv4 or IPv6 address. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

/** Whether `text` is an address or `address/prefix length`. */
export function isAddressOrCidr(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return isAddress(text);
  const version = isIP(text.slice(0, slash));
  const length = text.slice(slash + 1);
  return version !== 0 && /^\d{1,3}$/.test(length) && Number(length) <= (version === 4 ? 32 : 128);
}

/** Whether `text` is a namespace's name. */
export function isNamespace(text: string): boolean {
  return namespaceForm.test(text);
}

/** Whether `text` is a DNS name (short or full; a final dot is allowed), without wildcards. */
export function isDnsName(text: string): boolean {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  return name.length > 0 && name.length <= 255 && name.split('.').every((label) => dnsLabel.test(label));
}

/** Reports `host` unless it is a DNS name, `*`, or a DNS name whose first label starts with `*`. Addresses pass when `addresses`. */
export function checkHost(host: string, place: Place, options: { readonly addresses?: boolean } = {}): void {
  if (host === '') place.error('expected a host name, found nothing');
  else if (options.addresses && isAddress(host)) return;
  else if (host.length > 255) place.error('a host name has at most 255 characters');
  else if (host !== '*' && !isWildcardName(host))
    place.error(`${JSON.stringify(host)} is not a host name${wildcardHint(host)}`);
}

function isWildcardName(host: string): boolean {
  const [first = '', ...rest] = (host.endsWith('.') ? host.slice(0, -1) : host).split('.');
  if (first === '*' && rest.length === 0) return true;
  return wildcardLabel.test(first) && rest.every((label) => dnsLabel.test(label));
}

function wildcardHint(host: string): string {
  if (host.lastIndexOf('*') > 0) return ': a wildcard may only stand at its start, as in *.example.com';
  if (host.includes('://')) return ': leave out the scheme';
  return host.includes(':') ? ': leave out the port' : '';
}

/** Whether every name that `inner` matches is matched by `outer` (both perhaps with wildcards). */
export function isHostSubset(inner: string, outer: string): boolean {
  if (outer === '*' || inner === outer) return true;
  return outer.startsWith('*') && inner.endsWith(outer.slice(1)) && inner.length > outer.length - 1;
}

/** Reports `NAMESPACE/HOST` forms: namespace `*`, `.`, a name, or `~` when allowed; then a host. The namespace may be left out if `bare`. */
export function checkNamespacedHost(
  text: string,
  place: Place,
  options: { readonly bare: boolean; readonly none: boolean; readonly shortNames: boolean },
): void {
  const slash = text.indexOf('/');
  if (slash < 0 && !options.bare) {
    place.error(`expected NAMESPACE/HOST such as ./* or prod/api.example.com, found ${JSON.stringify(text)}`);
    return;
  }
  const namespace = slash < 0 ? '*' : text.slice(0, slash);
  const host = text.slice(slash + 1);
  const known = namespace === '*' || namespace === '.' || (options.none && namespace === '~') || isNamespace(namespace);
  if (!known) place.error(`${JSON.stringify(namespace)} is not a namespace, * (any) or . (this one)`);
  checkHost(host, place, { addresses: options.bare });
  const short = host !== '*' && !host.includes('.') && !isAddress(host);
  if (short && !options.shortNames)
    place.error(`${JSON.stringify(host)} is a short name; a fully qualified one is expected here`);
}
