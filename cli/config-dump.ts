// Reads what Envoy's admin interface answers to `/config_dump` (envoyproxy.io/docs/envoy/latest/operations/admin): its bootstrap and its secrets, never a key.
import { X509Certificate } from 'node:crypto';
import { MeshError, messageOf } from '../lib/mesh-error.ts';
import { list, type Message, record, text } from './json-message.ts';

/** The parts of a dump, with Envoy's field names, without what is secret. */
export interface ConfigDump {
  /** envoy.admin.v3.BootstrapConfigDump, when the dump has one. */
  readonly bootstrap?: Message;
  /** envoy.admin.v3.SecretsConfigDump; Envoy leaves it out where it has no secrets. */
  readonly secrets: Message;
}

/** What a certificate of a proxy's says of itself. */
export interface SecretItem {
  readonly name: string;
  readonly state: 'ACTIVE' | 'WARMING';
  /** Undefined where there is no certificate that can be read. */
  readonly certificate?: {
    readonly type: 'CA' | 'Cert Chain';
    readonly isValid: boolean;
    /** 32 hexadecimal digits or more. */
    readonly serialNumber: string;
    /** RFC 3339. */
    readonly notAfter: string;
    readonly notBefore: string;
    /** '' where none is known. */
    readonly trustDomain: string;
  };
}

/** Throws MeshError `usage` where `dump` is no such answer; `file` is named in it. */
export function readConfigDump(dump: string, file: string): ConfigDump {
  let json: unknown;
  try {
    json = JSON.parse(dump);
  } catch (error) {
    throw new MeshError('usage', `${file}: ${messageOf(error)}`, { cause: error });
  }
  const configs = list(withoutSecrets(record(json).configs));
  if (configs.length === 0)
    throw new MeshError('usage', `${file}: expected the answer of Envoy's /config_dump, which has "configs"`);
  const find = (name: string) => configs.find((config) => text(config['@type']).endsWith(`.${name}`));
  const bootstrap = find('BootstrapConfigDump');
  return { ...(bootstrap === undefined ? {} : { bootstrap }), secrets: find('SecretsConfigDump') ?? {} };
}

/** Fields whose content is secret (envoy.extensions.transport_sockets.tls.v3). Envoy redacts them too; other tools may not. */
const secretFields = new Set(
  ['private_key', 'private_key_provider', 'pkcs12', 'password', 'session_ticket_keys', 'generic_secret'].flatMap(
    (name) => [name, camel(name)],
  ),
);

function camel(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !secretFields.has(name))
      .map(([name, inner]) => [name, withoutSecrets(inner)]),
  );
}

/** A field by Envoy's name for it, which the JSON may have in lower camel case. */
function field(message: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => record(value)[name] ?? record(value)[camel(name)], message);
}

/** Every dynamic secret of `dump`, warming ones first; those that Envoy checks SPIFFE peers with are one item a trust domain. */
export function secretItems(dump: ConfigDump, nowMs: number): readonly SecretItem[] {
  const of = (name: string, state: SecretItem['state']) =>
    list(field(dump.secrets, name)).flatMap((secret) => itemsOf(secret, state, nowMs));
  return [...of('dynamic_warming_secrets', 'WARMING'), ...of('dynamic_active_secrets', 'ACTIVE')];
}

function itemsOf(dynamic: Message, state: SecretItem['state'], nowMs: number): readonly SecretItem[] {
  const start = { name: text(dynamic.name), state };
  const domains = list(
    field(dynamic, 'secret', 'validation_context', 'custom_validator_config', 'typed_config', 'trust_domains'),
  );
  if (domains.length > 0)
    return domains.map((domain) => ({
      ...start,
      ...readCertificate({ pem: field(domain, 'trust_bundle', 'inline_bytes'), of: text(domain.name), nowMs }),
    }));
  const pem =
    field(dynamic, 'secret', 'tls_certificate', 'certificate_chain', 'inline_bytes') ??
    field(dynamic, 'secret', 'validation_context', 'trusted_ca', 'inline_bytes');
  return [{ ...start, ...readCertificate({ pem, of: '', nowMs }) }];
}

/** The first certificate of a chain or bundle; `of` is the trust domain where it is known. */
function readCertificate({
  pem,
  of,
  nowMs,
}: {
  pem: unknown;
  of: string;
  nowMs: number;
}): Pick<SecretItem, 'certificate'> {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(Buffer.from(text(pem), 'base64'));
  } catch {
    return {};
  }
  const { ca, serialNumber, validFromDate, validToDate, subjectAltName = '' } = parsed;
  const [, domain = ''] = /URI:spiffe:\/\/([^/,]+)/.exec(subjectAltName) ?? [];
  const isValid = nowMs > validFromDate.getTime() && nowMs < validToDate.getTime();
  return {
    certificate: {
      type: ca ? 'CA' : 'Cert Chain',
      isValid,
      serialNumber: serialNumber.toLowerCase().padStart(32, '0'),
      notAfter: rfc3339(validToDate),
      notBefore: rfc3339(validFromDate),
      trustDomain: of || domain,
    },
  };
}

const rfc3339 = (date: Date) => date.toISOString().replace('.000Z', 'Z');
