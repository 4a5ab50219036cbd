// Who holds which trust bundle: what connected proxies acknowledged, and for everybody else what came with their certificates. Pure.
import type { ConnectedIdentity } from '../../../mesh/connected-identities.ts';
import type { BundleHolder } from './rotation.ts';
import { bundleHoldersOf, type ValidCertificate } from './valid-certificates.ts';

/** What is known beside the connections. */
export interface HolderMeans {
  readonly valid: readonly ValidCertificate[];
  /** The newest bundle and its position in the facts log. */
  readonly bundle: { readonly hash: string | undefined; readonly position: number };
}

/**
 * A connected proxy holds the newest bundle when it acknowledged it, or, where its agent does not say, when all certificates of its
 * identity came with it. Certificates of identities that are not connected count as before: their owners may come back.
 */
export const connectedHolders =
  (connected: readonly ConnectedIdentity[]) =>
  ({ valid, bundle }: HolderMeans): readonly BundleHolder[] => {
    const identities = new Set(connected.map(({ spiffeId }) => spiffeId));
    const away = valid.filter(({ spiffeId }) => !identities.has(spiffeId));
    return [
      ...connected.map((proxy) => ({
        proxy: `${proxy.proxy} (${proxy.spiffeId})`,
        bundle: holdsNewest(proxy, { valid, bundle }) ? bundle.hash : undefined,
      })),
      ...bundleHoldersOf(away),
    ];
  };

function holdsNewest({ spiffeId, bundlePosition }: ConnectedIdentity, { valid, bundle }: HolderMeans): boolean {
  if (bundlePosition !== undefined) return bundlePosition >= bundle.position;
  const own = valid.filter((certificate) => certificate.spiffeId === spiffeId && !certificate.replaced);
  return own.length > 0 && own.every((certificate) => certificate.bundle === bundle.hash);
}
