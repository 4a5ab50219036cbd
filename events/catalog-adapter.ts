// Catalog entries of what the runners of adapters say of themselves (adapter-facts.ts).
import type { AdapterFact } from './adapter-facts.ts';
import type { CatalogOf } from './catalog-entry.ts';

const common = { group: 'registry', log: 'facts' } as const;

/** See catalog.ts. */
export const adapterEntries: CatalogOf<AdapterFact> = {
  'io.periplus.registry.loss-held': {
    ...common,
    subject: 'registry/PLATFORM/losses/INSTANCE',
    meaning: 'Much of what a platform had shown vanished at once; it stays in force until it is released.',
    data: 'the adapter, how much vanished of how much, how much is kept now, when it is released, and examples',
    example: {
      platform: 'consul',
      instance: 'dc1',
      before: 120,
      lost: 118,
      held: 118,
      releaseAt: '2026-11-22T15:10:00.000Z',
      examples: ['registry/consul/service/default/web.service.consul@dc1'],
    },
  },
  'io.periplus.registry.loss-released': {
    ...common,
    subject: 'registry/PLATFORM/losses/INSTANCE',
    meaning: 'Of what was kept though it had vanished, some or all came back or was deregistered.',
    data: 'the adapter, how much was released, how much is still kept, and why: returned, time, request or explicit',
    example: { platform: 'consul', instance: 'dc1', released: 118, held: 0, reason: 'request' },
  },
  'io.periplus.registry.loss-release-requested': {
    ...common,
    subject: 'registry/PLATFORM/release/INSTANCE',
    meaning: 'Somebody asked that what an adapter keeps though it had vanished be deregistered now.',
    data: 'the adapter',
    example: { platform: 'consul', instance: 'dc1' },
  },
  'io.periplus.registry.session-opened': {
    ...common,
    subject: 'registry/PLATFORM/session/INSTANCE',
    meaning: 'A replica of an adapter took over; whatever another one appends late is refused.',
    data: 'the adapter, the holder (unique to one term of one replica) and the epoch of its lease',
    example: { platform: 'consul', instance: 'dc1', holder: 'adapters-1/5f0c9a52', epoch: 17 },
  },
};
