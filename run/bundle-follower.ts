// Lets a part of the control plane that is apart from Citadel hear of a new trust bundle at once, from the log, and change over to it.
import type { IdentityKeeper } from '../agent/identity/identity-keeper.ts';
import type { EventLog } from '../events/event-log.ts';
import { authoritySubject, type BundlePublished } from '../events/identity-facts.ts';
import type { Logger } from '../lib/logger.ts';
import type { Service } from '../lib/service.ts';

const types = ['io.periplus.identity.bundle-published'];

/**
 * Gives each new bundle to the keeper, which verifies peers by it from then on, and has the SVID renewed: a certificate that came with
 * the bundle is the proof in the log that its owner holds it, which a rotation waits for.
 */
export function followBundles(options: {
  readonly facts: EventLog;
  readonly trustDomain: string;
  readonly keeper: Pick<IdentityKeeper, 'svid' | 'useBundle' | 'renewNow'>;
  readonly logger: Logger;
}): Service {
  const { facts, trustDomain, keeper, logger } = options;
  const subject = authoritySubject(trustDomain);
  const take = async (roots: string) => {
    const held = keeper.svid.value;
    // Without an SVID the first one comes with its bundle.
    if (!held || held.roots === roots) return;
    const problem = await keeper.useBundle(roots);
    if (problem !== undefined) logger.warn({ problem }, 'the new trust bundle waits for a new SVID');
    keeper.renewNow();
  };
  return {
    name: 'trust bundle follower',
    async run(signal) {
      let after = 0;
      for await (const { position, data } of facts.read({ subject, types, reverse: true, limit: 1 })) {
        after = position;
        await take(rootsOf(data));
      }
      for await (const { events } of facts.subscribe({ after, subject, types, signal })) {
        const newest = events.at(-1);
        if (newest) await take(rootsOf(newest.data));
      }
    },
  };
}

function rootsOf(data: unknown): string {
  const { roots }: BundlePublished['data'] = Object(data);
  return roots.join('');
}
