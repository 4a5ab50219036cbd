// Every event type that Periplus writes: who writes it, about what, and what it looks like. docs/reference/events.md is made from it.

import type { AdapterFact } from './adapter-facts.ts';
import { adapterEntries } from './catalog-adapter.ts';
import { deliveryEntries } from './catalog-delivery.ts';
import type { CatalogEntry, CatalogOf } from './catalog-entry.ts';
import { identityEntries } from './catalog-identity.ts';
import { policyEntries } from './catalog-policy.ts';
import { registryEntries } from './catalog-registry.ts';
import type { CheckpointRecorded } from './checkpoint.ts';
import type { ConfigFact } from './config-facts.ts';
import type { DeliveryFact } from './delivery-facts.ts';
import type { IdentityFact } from './identity-facts.ts';
import type { PolicyFact } from './policy-facts.ts';
import type { RegistryFact } from './registry-facts.ts';

const configEntries: CatalogOf<ConfigFact> = {
  'io.periplus.config.applied': {
    group: 'config',
    log: 'facts',
    subject: 'config/KIND/NAMESPACE/NAME',
    meaning: 'A configuration resource has exactly this content from now on.',
    data: 'the whole resource, its spec validated',
    example: {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      namespace: 'default',
      name: 'reviews',
      createdAt: '2026-11-22T15:00:00.000Z',
      spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews', subset: 'v1' } }] }] },
    },
  },
  'io.periplus.config.deleted': {
    group: 'config',
    log: 'facts',
    subject: 'config/KIND/NAMESPACE/NAME',
    meaning: 'A configuration resource was removed.',
    data: 'kind, namespace and name',
    example: { kind: 'VirtualService', namespace: 'default', name: 'reviews' },
  },
  'io.periplus.config.gateway-drained': {
    group: 'config',
    log: 'facts',
    subject: 'gateway-drain/NAMESPACE/NAME',
    meaning: 'Proxies have closed the connections that were open when hosts left HTTPS servers of a Gateway.',
    data: 'namespace and name of the Gateway, and the position through which hosts had left',
    example: { namespace: 'default', name: 'shop', through: 4711 },
  },
  'io.periplus.system.event-quarantined': {
    group: 'system',
    log: 'facts',
    subject: 'system/quarantine/POSITION',
    meaning: 'An event made translation fail: every projection leaves it out from here on, so that replays agree.',
    data: 'position and id of the event, and why',
    example: { position: 4711, id: 'f2Zb0Yw3nXq7Hk1Vd9sLtA', reason: 'endpoint web-1 has port 0' },
  },
};

const systemEntries: CatalogOf<CheckpointRecorded> = {
  'io.periplus.system.checkpoint-recorded': {
    group: 'system',
    log: 'both',
    subject: 'system/checkpoint',
    meaning: 'The log recorded its own rolling hash, so that a lost, altered or reordered event shows in any store.',
    data: 'the position that the hash covers, and the hash',
    example: { through: 1000, hash: '5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9' },
  },
};

const entries: CatalogOf<
  RegistryFact | AdapterFact | PolicyFact | ConfigFact | IdentityFact | DeliveryFact | CheckpointRecorded
> = {
  ...registryEntries,
  ...adapterEntries,
  ...policyEntries,
  ...configEntries,
  ...identityEntries,
  ...deliveryEntries,
  ...systemEntries,
};

/** All event types, by name. */
export const catalog: readonly CatalogEntry[] = Object.entries(entries)
  .map(([type, entry]) => ({ type, ...entry }))
  .sort((a, b) => (a.type < b.type ? -1 : 1));

/** The entry of a type; undefined for one that this build doesn't write. */
export function catalogEntry(type: string): CatalogEntry | undefined {
  return catalog.find((entry) => entry.type === type);
}
