// What every attestor keeps to; each implementation's test runs it.
import { describe, expect, it } from 'vitest';
import { formatSpiffeId, type SpiffeId } from '../../../mesh/spiffe-id.ts';
import type { Attestor, Credentials } from './attestor.ts';

/** An attestor with credentials that it must accept once, and others that it must refuse. */
export interface AttestorCase {
  readonly attestor: Attestor;
  readonly good: Credentials;
  readonly id: SpiffeId;
  /** By what is wrong with them; the value's reason must contain the key's text after the colon, if any. */
  readonly bad: Readonly<Record<string, { readonly credentials: Credentials; readonly reason: string }>>;
}

const peer = '10.0.0.7:51234';

/** Runs the suite. `make` gives a new case for each test. */
export function attestorContract(name: string, make: () => Promise<AttestorCase>): void {
  describe(`the attestor ${name}`, () => {
    it('leaves callers without its kind of credentials to others', async () => {
      const { attestor } = await make();
      for (const credentials of [{ peer }, { peer, token: '' }, { peer, token: 'no such kind' }])
        expect(await attestor.attest(credentials)).toEqual({ outcome: 'not-mine' });
    });

    it('proves who shows good credentials, with evidence of its kind that can not be used again', async () => {
      const { attestor, good, id } = await make();
      const attestation = await attestor.attest(good);
      expect(attestation).toMatchObject({ outcome: 'proven', id, evidence: { kind: attestor.kind } });
      expect(formatSpiffeId(id)).toContain(id.namespace);
      if (good.token !== undefined) expect(JSON.stringify(attestation)).not.toContain(good.token);
    });

    it('refuses what is wrong, saying why and not what', async () => {
      const { attestor, bad } = await make();
      for (const [what, { credentials, reason }] of Object.entries(bad)) {
        const attestation = await attestor.attest(credentials);
        const said = attestation.outcome === 'refused' ? attestation.reason : attestation.outcome;
        expect([what, said]).toEqual([what, expect.stringContaining(reason)]);
        if (credentials.token) expect(JSON.stringify(attestation)).not.toContain(credentials.token);
      }
    });
  });
}
