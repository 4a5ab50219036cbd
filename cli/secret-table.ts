// The table of a proxy's secrets, with the columns of `istioctl proxy-config secret`.
import type { SecretItem } from './config-dump.ts';
import { type Style, table } from './output.ts';

/** One line a certificate; the trust domain where every one is known, as it tells nothing otherwise. */
export function secretsTable(items: readonly SecretItem[], style: Style): string {
  if (items.length === 0) return 'No active or warming secrets found.\n';
  const hasDomains = items.every(({ certificate }) => certificate !== undefined && certificate.trustDomain !== '');
  const rows = items.map(({ name, state, certificate }) => [
    name,
    certificate?.type ?? '',
    state,
    String(certificate?.isValid ?? false),
    certificate?.serialNumber ?? '',
    certificate?.notAfter ?? '',
    certificate?.notBefore ?? '',
    ...(hasDomains ? [certificate?.trustDomain ?? ''] : []),
  ]);
  const headings = ['RESOURCE NAME', 'TYPE', 'STATUS', 'VALID CERT', 'SERIAL NUMBER', 'NOT AFTER', 'NOT BEFORE'];
  return table([...headings, ...(hasDomains ? ['TRUST DOMAIN'] : [])], rows, style);
}
