import { describe, expect, it } from 'vitest';
import { MemoryLog } from '../../../events/logs/memory.ts';
import { bundleHoldersOf, lastExpiryByAuthority, validCertificates } from './valid-certificates.ts';

const nowMs = Date.UTC(2026, 10, 22, 15);
const hourMs = 3_600_000;
const iso = (ms: number) => new Date(ms).toISOString();

/** A log with certificates, given as [serial, bundle, minutes since it was issued, serial that was shown]. */
async function aLog(...certificates: [string, string, number, string?][]) {
  const facts = new MemoryLog();
  for (const [serial, bundle, minutes, shown] of certificates) {
    const issuedMs = nowMs - minutes * 60_000;
    const evidence = shown ? { kind: 'x509', details: { serial: shown } } : { kind: 'jwt', details: {} };
    const data = {
      spiffeId: `id-${serial}`,
      peer: 'p',
      evidence,
      serial,
      authority: `ca-${bundle}`,
      bundle,
      notAfter: iso(issuedMs + hourMs),
    };
    const type = 'io.periplus.identity.certificate-issued';
    const common = { source: '/t', time: iso(issuedMs), actor: 't', causes: [] };
    await facts.append([{ event: { ...common, id: serial, type, subject: `identity/id-${serial}`, data } }]);
  }
  return await validCertificates(facts, { nowMs, maxLifeMs: 24 * hourMs });
}

describe('certificates in use', () => {
  it('are those that have not ended and that nobody has exchanged for another', async () => {
    const valid = await aLog(
      ['ended', 'old', 61],
      ['old1', 'old', 50],
      ['old2', 'old', 40],
      ['new2', 'new', 10, 'old2'],
    );
    const held = bundleHoldersOf(valid).map(({ proxy, bundle }) => `${proxy.split(' ')[0]} ${bundle}`);
    expect(held).toEqual(['id-old1 old', 'id-new2 new']);
  });

  it('keep their CA needed until they end, exchanged or not', async () => {
    const valid = await aLog(['a', 'old', 30], ['b', 'new', 10, 'a'], ['c', 'older', 70]);
    expect(lastExpiryByAuthority(valid)).toEqual(
      new Map([
        ['ca-old', nowMs + hourMs / 2],
        ['ca-new', nowMs + (hourMs * 5) / 6],
      ]),
    );
  });
});
