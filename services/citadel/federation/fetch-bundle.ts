// Fetches a bundle from its endpoint (SPIFFE_Federation.md, section 5): https alone, bounded, no redirects, the server known by profile.
import { MeshError } from '../../../lib/mesh-error.ts';
import { askPlatform } from '../attest/ask-platform.ts';

/** A bundle endpoint. */
export interface BundleEndpoint {
  /** https. */
  readonly url: string;
  /** Profile https_spiffe: the SPIFFE ID that the server has to show. Undefined: https_web, a certificate of the system's authorities. */
  readonly endpointId: string | undefined;
  /** For https_spiffe: PEM or bundle document with which the first fetch is made. */
  readonly initialFile: string | undefined;
}

/** Another trust domain and where its bundle is. */
export interface FederatedDomain {
  readonly trustDomain: string;
  readonly source: BundleEndpoint | { readonly file: string };
}

/** The document as text. `roots`: the bundle known so far, for https_spiffe. Rejects with MeshError `unavailable`. */
export async function fetchBundle(endpoint: BundleEndpoint, roots: readonly string[] | undefined): Promise<string> {
  const { url, endpointId } = endpoint;
  const { origin, pathname, search } = new URL(url);
  const spiffe = endpointId === undefined ? {} : spiffeServer(endpointId, roots);
  const { status, json } = await askPlatform({ server: origin, ...spiffe }, { path: `${pathname}${search}` });
  if (status >= 300 && status < 400)
    throw new MeshError('unavailable', `${origin} answered ${status}: redirects are not followed`);
  if (status !== 200) throw new MeshError('unavailable', `${origin} answered ${status}`);
  return JSON.stringify(json ?? null);
}

function spiffeServer(endpointId: string, roots: readonly string[] | undefined) {
  if (roots === undefined) throw new MeshError('invalid', 'the first fetch needs a file with the roots of that mesh');
  const checkNames = (subjectAltName: string | undefined) =>
    subjectAltName?.split(', ').includes(`URI:${endpointId}`) ? undefined : 'its certificate is not the endpoint’s';
  return { authority: roots.join(''), checkNames };
}
