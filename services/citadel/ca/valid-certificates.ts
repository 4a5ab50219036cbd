// Certificates in use, as the log has them: what their owners trust, and until when each CA is needed.
import type { EventLog } from '../../../events/event-log.ts';
import type { CertificateIssued } from '../../../events/identity-facts.ts';
import type { BundleHolder } from './rotation.ts';

/** A certificate that is valid and, as far as is known, in use. */
export type ValidCertificate = CertificateIssued['data'] & {
  /** Its owner has shown it to get a newer one, and uses that. */
  readonly replaced: boolean;
};

/** Certificates that have not ended. Nothing issued longer ago than the longest life is among them, so only that much is read. */
export async function validCertificates(
  facts: EventLog,
  options: { readonly nowMs: number; readonly maxLifeMs: number },
): Promise<readonly ValidCertificate[]> {
  const { nowMs, maxLifeMs } = options;
  const from = (await facts.positionAt(new Date(nowMs - maxLifeMs - 1).toISOString())) + 1;
  const bySerial = new Map<string, ValidCertificate>();
  const types = ['io.periplus.identity.certificate-issued'];
  for await (const event of facts.read({ from, subject: 'identity', types })) {
    const data: CertificateIssued['data'] = Object(event.data);
    const shown = data.evidence.kind === 'x509' ? bySerial.get(data.evidence.details.serial ?? '') : undefined;
    if (shown) bySerial.set(shown.serial, { ...shown, replaced: true });
    if (Date.parse(data.notAfter) > nowMs) bySerial.set(data.serial, { ...data, replaced: false });
  }
  return [...bySerial.values()];
}

/**
 * Who trusts what: an agent takes the bundle that comes with a certificate into use together with it. Cautious: a certificate whose
 * owner renewed with a token counts until it ends, as nothing links the two.
 */
export function bundleHoldersOf(valid: readonly ValidCertificate[]): readonly BundleHolder[] {
  return valid
    .filter(({ replaced }) => !replaced)
    .map(({ spiffeId, peer, serial, bundle }) => ({ proxy: `${spiffeId} at ${peer}, serial ${serial}`, bundle }));
}

/** When the last certificate of each CA ends, in ms since the epoch. One that was replaced may still be shown, so it counts. */
export function lastExpiryByAuthority(valid: readonly ValidCertificate[]): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (const { authority, notAfter } of valid)
    last.set(authority, Math.max(last.get(authority) ?? 0, Date.parse(notAfter)));
  return last;
}
