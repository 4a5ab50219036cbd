// Host names, IP addresses and CIDR ranges as Istio accepts them.
import { isIP } from 'node:net';
import type { Place } from './place.ts';

const labelForm = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const wildcardForm = /^(?:\*|(?:\*|\*-)?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)$/;

/** Whether `text` is one label of a DNS name, as Istio has it: letters, digits and -, at most 63. */
export function isDnsLabel(text: string): boolean {
  return text.length <= 63 && labelForm.test(text);
}

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

/** Whether `text` is a DNS name (short or full; a final dot is allowed), without wildcards. Its last label must not be a number. */
export function isDnsName(text: string): boolean {
  return text.length > 0 && text.length <= 255 && hasDnsLabels(text);
}

function hasDnsLabels(text: string): boolean {
  const labels = text.split('.');
  if (/^\d+$/.test(labels.at(-1) ?? '')) return false;
  return labels.every((label, index) => isDnsLabel(label) || (label === '' && index === labels.length - 1));
}

/** Reports `host` unless it is a DNS name, `*`, or a DNS name whose first label starts with `*`. Addresses pass when `addresses`. */
export function checkHost(host: string, place: Place, options: { readonly addresses?: boolean } = {}): void {
  if (host === '') place.error('expected a host name, found nothing');
  else if (options.addresses && isAddress(host)) return;
  else if (host.length > 255) place.error('a host name has at most 255 characters');
  else if (!isWildcardName(host)) place.error(`${JSON.stringify(host)} is not a host name${wildcardHint(host)}`);
}

/** Reports a host of a VirtualService for gateways; with `sni`, names of AUTO_PASSTHROUGH (`outbound_.80_._.web.prod`) pass. */
export function checkGatewayHost(host: string, place: Place, { sni }: { readonly sni: boolean }): void {
  if (!sni || !host.startsWith('outbound_')) {
    checkHost(host, place, { addresses: true });
    return;
  }
  const [, port = '', , name = ''] = host.split('_');
  if (host.length > 255 || !/\d/.test(port) || !/[a-zA-Z]/.test(name))
    place.error(`expected outbound_.PORT_._.HOST, found ${JSON.stringify(host)}`);
}

/** Whether `host` is a host's name, perhaps with a wildcard at its start. */
export function isWildcardName(host: string): boolean {
  const dot = host.indexOf('.');
  const first = dot < 0 ? host : host.slice(0, dot);
  return first.length <= 63 && wildcardForm.test(first) && (dot < 0 || hasDnsLabels(host.slice(dot + 1)));
}

function wildcardHint(host: string): string {
  if (host.lastIndexOf('*') > 0) return ': a wildcard may only stand at its start, as in *.example.com';
  if (host.includes('://')) return ': leave out the scheme';
  if (isAddress(host)) return ': an address is not allowed here';
  return host.includes(':') ? ': leave out the port' : '';
}

/** Whether every name that `inner` matches is matched by `outer` (both perhaps with wildcards). */
export function isHostSubset(inner: string, outer: string): boolean {
  if (!outer.startsWith('*')) return inner === outer;
  if (!inner.startsWith('*')) return inner.endsWith(outer.slice(1));
  return inner.length >= outer.length && inner.slice(1).endsWith(outer.slice(1));
}

/** Whether `host` has a wildcard that stands for a part of a label: `*foo.com`. */
export function isPartialWildcard(host: string): boolean {
  return host.includes('*') && host.length > 1 && !host.startsWith('*.');
}

/** Reports what is not NAMESPACE/HOST for `kind`; a Gateway's hosts may lack the namespace, a Sidecar's may exclude with `~NAMESPACE/HOST`. */
export function checkNamespacedHost(text: string, place: Place, kind: 'Gateway' | 'Sidecar'): void {
  const slash = text.indexOf('/');
  if (slash < 0 && kind === 'Sidecar') {
    place.error(`expected NAMESPACE/HOST such as ./* or prod/api.example.com, found ${JSON.stringify(text)}`);
    return;
  }
  if (slash === 0) place.error('expected a namespace, * (any) or . (this one) before the /');
  const written = slash < 0 ? '*' : text.slice(0, slash);
  const namespace = kind === 'Sidecar' ? written.replace(/^~/, '') : written;
  const known = namespace === '' || namespace === '*' || namespace === '.' || isDnsLabel(namespace);
  if (!known) place.error(`${JSON.stringify(written)} is not a namespace, * (any) or . (this one)`);
  const host = text.slice(slash + 1);
  if (host !== '*' && !host.includes('.'))
    place.error(`${JSON.stringify(host)} is a short name; a fully qualified one is expected here`);
  else checkHost(host, place, { addresses: kind === 'Gateway' });
  if (isPartialWildcard(host))
    place.error(`a wildcard stands for whole labels here, as in *.example.com, found ${host}`);
}
