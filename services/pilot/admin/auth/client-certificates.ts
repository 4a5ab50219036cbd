// Client certificates of the admin API: which names in them have which role.
import type { X509Certificate } from 'node:crypto';
import { MeshError } from '../../../../lib/mesh-error.ts';
import { type Caller, type Role, roles } from './caller.ts';

/** One rule: who shows this name has this role. */
export interface ClientRule {
  readonly role: Role;
  /** A whole SPIFFE ID, or a whole subject such as `CN=anna,O=Example`, in the certificate's order. */
  readonly name: string;
}

/** Parses `ROLE=NAME`. Throws MeshError `usage`. */
export function clientRuleOf(text: string): ClientRule {
  const at = text.indexOf('=');
  const role = roles.find((each) => each === text.slice(0, at));
  const name = text.slice(at + 1).trim();
  const named = /^spiffe:\/\/[^/*]+\/[^*]+$/.test(name) || /^[A-Za-z.0-9]+=[^*]+$/.test(name);
  if (role && named) return { role, name };
  throw new MeshError(
    'usage',
    `--admin-client "${text}": give read=NAME or write=NAME, NAME a SPIFFE ID or a subject such as CN=anna,O=Example`,
  );
}

/** Who the certificate, which TLS has verified, says its bearer is; a text says why that is nobody here. */
export function callerOfCertificate(
  certificate: X509Certificate,
  rules: readonly ClientRule[],
  nowMs: number,
): Caller | string {
  // A connection may outlive the certificate that opened it.
  if (Date.parse(certificate.validTo) <= nowMs) return `the client certificate expired at ${certificate.validTo}`;
  const names = namesOf(certificate);
  const found = rules.filter(({ name }) => names.includes(name));
  const [rule] = found.filter(({ role }) => role === 'write').concat(found);
  if (!rule) return `the client certificate's name (${names.join('; ')}) has no role; --admin-client gives it one`;
  return { role: rule.role, name: rule.name.startsWith('spiffe://') ? rule.name : `certificate:${rule.name}` };
}

/** The SPIFFE ID, if there is exactly one URI (SPIFFE's X.509-SVID, 2), and the subject. */
function namesOf({ subjectAltName, subject }: X509Certificate): readonly string[] {
  // Node quotes a name that has a comma in it, so that it can't look like two.
  const uris = [...(subjectAltName ?? '').matchAll(/(?:^|, )URI:("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(
    ([, uri = '']) => uri,
  );
  // A subject of several lines is one whose parts are joined; a line can't hold a line break unescaped.
  const subjects = subject ? [subject.split('\n').join(',')] : [];
  return [...(uris.length === 1 ? uris : []), ...subjects];
}
