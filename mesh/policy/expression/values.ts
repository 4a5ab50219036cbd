// Texts as values of types: addresses, times, names. Canonical, so that equal values are equal texts or numbers; undefined: not one.
import { isIP } from 'node:net';
import { durationMs } from '../../config/quantities.ts';

/** An IP address in canonical form: IPv4 in dots (mapped ones too), IPv6 as RFC 5952 writes it. */
export function ipOf(text: string): string | undefined {
  const version = isIP(text);
  if (version === 0 || text.includes('%')) return undefined;
  if (version === 4) return text;
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(canonical);
  if (mapped === null) return canonical;
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
/** Milliseconds since 1970 of an RFC 3339 time. */
export function timestampOf(text: string): number | undefined {
  const ms = rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** Milliseconds of a Go duration: `1h2m3.5s`. */
export function durationOf(text: string): number | undefined {
  return durationMs(text);
}

const dnsLabel = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** A DNS name, lower case, without a final dot. */
export function dnsNameOf(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '');
  return name.length <= 253 && name.split('.').every((label) => dnsLabel.test(label)) ? name : undefined;
}

/** An e-mail address; its domain is compared without case. */
export function emailOf(text: string): string | undefined {
  const at = text.lastIndexOf('@');
  const domain = at > 0 ? dnsNameOf(text.slice(at + 1)) : undefined;
  return domain === undefined || /[\s<>]/.test(text) ? undefined : `${text.slice(0, at)}@${domain}`;
}

/** An absolute URI in canonical form. */
export function uriOf(text: string): string | undefined {
  return URL.canParse(text) ? new URL(text).href : undefined;
}
