// Validates a PeerAuthentication (istio.io/latest/docs/reference/config/security/peer_authentication).
import type { PeerAuthenticationSpec } from '../schemas/peer-authentication.ts';
import { checkMatchLabels } from './labels.ts';
import type { SpecValidator } from './place.ts';
import { checkPort } from './ports.ts';

/** See the file's first line. */
export const validatePeerAuthentication: SpecValidator<PeerAuthenticationSpec> = (spec, place) => {
  checkMatchLabels(spec.selector, place.at('selector'));
  if (spec.portLevelMtls === undefined) return;
  const at = place.at('portLevelMtls');
  if (Object.keys(spec.selector?.matchLabels ?? {}).length === 0)
    at.error('needs a selector with labels: ports are those of workloads');
  if (Object.keys(spec.portLevelMtls).length === 0) at.error('expected at least one port');
  for (const port of Object.keys(spec.portLevelMtls))
    checkPort(/^\d+$/.test(port) ? Number(port) : Number.NaN, at.at(port));
};
