// Identities of the demo's proxies: each gets a one-time join token of its own, which never leaves this process.
import { type IdentitySource, spiffeIdOf } from '../agent/identity/agent-identity.ts';
import type { ProxyIdentity } from '../agent/proxy-node.ts';
import type { Citadel } from '../services/citadel/citadel.ts';

/** Ends tokens that were made and not used: an agent asks within a second of its start. */
const tokenLifeSeconds = 60;

/** Where the SVID of each proxy comes from: the Citadel of this process, whose port is open. */
export function demoIdentities(
  citadel: Citadel,
  options: { readonly trustDomain: string; readonly host: string },
): (workload: ProxyIdentity) => IdentitySource {
  const { trustDomain, host } = options;
  return (workload) => ({
    citadelAddresses: [`${host}:${citadel.port.value}`],
    trustDomain,
    roots: async () => citadel.bundle.value?.roots.join('') ?? '',
    // At a restart the SVID that was kept is proof enough.
    token: async (held) => {
      if (held) return undefined;
      const spiffeId = spiffeIdOf(workload, trustDomain);
      const made = await citadel.admin.createJoinToken({ spiffeId, lifeSeconds: tokenLifeSeconds }, 'system:up');
      return made.token;
    },
  });
}
