// Certificates of servers in this process, Citadel's own first: signed without asking, renewed at half life or when the bundle changes.
import type { Clock } from '../../../lib/clock.ts';
import type { ServerIdentity } from '../../../lib/renewable-credentials.ts';
import type { SpiffeId } from '../../../mesh/spiffe-id.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { generateKeyPair } from '../x509/keys.ts';

const lifeMs = 3_600_000;

/** Gives a first identity and then newer ones until `signal` aborts. Rejects with what the CA rejects with. */
export async function* serverIdentities(options: {
  readonly ca: CertificateAuthority;
  readonly id: SpiffeId;
  readonly dnsNames: readonly string[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): AsyncGenerator<ServerIdentity> {
  const { ca, clock, signal, dnsNames, id } = options;
  while (!signal.aborted) {
    const changed = new AbortController();
    const wait = AbortSignal.any([signal, changed.signal]);
    const { pkcs8, publicKey } = await generateKeyPair('ecdsa-p256');
    const svid = await ca.sign({ id, publicKey, lifeMs, dnsNames });
    yield {
      certificateChain: [svid.certificate, ...svid.intermediates].join(''),
      privateKey: `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`,
      roots: svid.bundle.roots,
    };
    const watching = (async () => {
      for await (const bundle of ca.bundle.watch(wait)) if (bundle.hash !== svid.bundle.hash) return changed.abort();
    })();
    await clock.sleep(lifeMs / 2, wait).catch(() => {});
    changed.abort();
    await watching;
  }
}
