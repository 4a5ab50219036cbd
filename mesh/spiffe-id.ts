// SPIFFE IDs of workloads, `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`: read strictly, written only when valid.
import { MeshError } from '../lib/mesh-error.ts';

/** Who a workload is (github.com/spiffe/spiffe, standards/SPIFFE-ID.md; the path is Istio's). */
export interface SpiffeId {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** What became of reading one. `reason` says what is wrong without repeating the text, which may be hostile. */
export type SpiffeIdParse =
  | { readonly ok: true; readonly id: SpiffeId }
  | { readonly ok: false; readonly reason: string };

/** SPIFFE-ID.md, section 2.3: "implementations MUST support SPIFFE URIs up to 2048 bytes", and must not make longer ones. */
const maxBytes = 2048;
/** Section 2.1: at most 255 bytes. */
const maxTrustDomainBytes = 255;
const trustDomainPattern = /^[a-z0-9._-]+$/;
const segmentPattern = /^[A-Za-z0-9._-]+$/;
const scheme = 'spiffe://';

/**
 * Reads a SPIFFE ID. Only the canonical text is taken: lower-case scheme and trust domain; no port, user, query, fragment, percent code,
 * empty or dot segment; so equal texts are equal identities and no two texts name the same one.
 */
export function parseSpiffeId(text: string): SpiffeIdParse {
  if (text.length > maxBytes) return failed(`it is longer than ${maxBytes} bytes`);
  if (!text.startsWith(scheme)) return failed(`it does not start with ${scheme}`);
  const [trustDomain = '', ...segments] = text.slice(scheme.length).split('/');
  const [ns, namespace = '', sa, serviceAccount = ''] = segments;
  const problem = trustDomainProblem(trustDomain);
  if (problem) return failed(problem);
  if (segments.length !== 4 || ns !== 'ns' || sa !== 'sa')
    return failed('its path is not /ns/<namespace>/sa/<account>');
  const id = { trustDomain, namespace, serviceAccount };
  const wrong = segmentProblem('namespace', namespace) ?? segmentProblem('service account', serviceAccount);
  return wrong ? failed(wrong) : { ok: true, id };
}

/** The text of a SPIFFE ID. Throws MeshError `invalid` when a part can't be in one, so that nobody's name becomes another's path. */
export function formatSpiffeId(id: SpiffeId): string {
  const text = `${scheme}${id.trustDomain}/ns/${id.namespace}/sa/${id.serviceAccount}`;
  const parsed = parseSpiffeId(text);
  if (!parsed.ok) throw new MeshError('invalid', `this identity can't be a SPIFFE ID: ${parsed.reason}`);
  return text;
}

/** Why `text` is no trust domain; undefined when it is one. */
export function trustDomainProblem(text: string): string | undefined {
  if (text === '') return 'its trust domain is empty';
  if (text.length > maxTrustDomainBytes) return `its trust domain is longer than ${maxTrustDomainBytes} bytes`;
  return trustDomainPattern.test(text)
    ? undefined
    : 'its trust domain has characters other than a-z, 0-9, ".", "-", "_"';
}

function segmentProblem(what: string, text: string): string | undefined {
  if (text === '') return `its ${what} is empty`;
  if (text === '.' || text === '..') return `its ${what} is a dot segment`;
  return segmentPattern.test(text) ? undefined : `its ${what} has characters other than letters, digits, ".", "-", "_"`;
}

const failed = (reason: string): SpiffeIdParse => ({ ok: false, reason });

/** Who of the control plane has an identity. */
export const controlPlaneParts = ['citadel', 'pilot', 'mixer'] as const;
/** One of them. */
export type ControlPlanePart = (typeof controlPlaneParts)[number];

/** The control plane's own identities: what agents expect of the servers that they ask. */
export function controlPlaneId(trustDomain: string, part: ControlPlanePart): SpiffeId {
  return { trustDomain, namespace: 'periplus-system', serviceAccount: part };
}
