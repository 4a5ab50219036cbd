// The mesh at a past moment: its snapshot, and for any proxy the resources that it held then, in full.
import type { JsonObject } from '@bufbuild/protobuf';
import type { DeliveryFact } from '../../../events/delivery-facts.ts';
import type { RecordedEvent } from '../../../events/envelope.ts';
import type { EventLog } from '../../../events/event-log.ts';
import type { MeshConfig } from '../../../mesh/config/mesh-config.ts';
import { type HeldResources, heldProjection } from '../../../mesh/held-resources.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { resourceToJson } from '../translate/json.ts';
import { createMemo } from '../translate/memo.ts';
import { contextKey } from '../translate/node.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import { translate } from '../translate/translate.ts';
import type { EncodedResource, TypeUrl } from '../translate/translation.ts';
import type { Translate } from '../xds/resource-cache.ts';
import { snapshotAt, snapshotsAt } from './snapshots-at.ts';

/** A facts position, or a time (RFC 3339). */
export type When = number | string;

/** Where to look. */
export interface StateSource {
  readonly facts: EventLog;
  readonly deliveries: EventLog;
  readonly mesh?: MeshConfig;
  readonly newTranslator?: () => Translate;
}

/** One resource that a proxy held. */
export interface HeldContent {
  readonly typeUrl: string;
  readonly name: string;
  /** Content hash. */
  readonly version: string;
  /** Facts position that it was translated from. */
  readonly position: number;
  /** In proto3 JSON; undefined when replay does not give this content again (another version of Periplus sent it). */
  readonly resource: JsonObject | undefined;
}

/** The mesh at a moment. */
export interface PastState {
  readonly position: number;
  /** The moment that proxies are looked at: the one asked for, or that of the fact at the position asked for. */
  readonly time: string;
  readonly snapshot: Snapshot;
  /** What a proxy held, ordered by type, then name; empty when it had acknowledged nothing by then. */
  heldBy(proxyId: string): Promise<readonly HeldContent[]>;
}

/** See the file's first line. Rejects as reading the logs does; a position beyond the head is the head. */
export async function stateAt(source: StateSource, when: When): Promise<PastState> {
  const position = typeof when === 'number' ? when : await source.facts.positionAt(when);
  const snapshot = await snapshotAt(source, position);
  const time = typeof when === 'number' ? snapshot.time : when;
  return { position: snapshot.position, time, snapshot, heldBy: (proxyId) => heldContents(source, proxyId, time) };
}

async function heldContents(source: StateSource, proxyId: string, time: string): Promise<HeldContent[]> {
  const { held, contexts } = await readHeld(source.deliveries, proxyId, Date.parse(time));
  const found = await findContents(source, held, contexts);
  const contents: HeldContent[] = [];
  for (const [typeUrl, resources] of [...held].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const [name, { version, position }] of [...resources].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const resource = found.get(keyOf(typeUrl, name));
      contents.push({ typeUrl, name, version, position, resource: resource && resourceToJson(resource) });
    }
  }
  return contents;
}

/** What the proxy held at `untilMs`, and the contexts it had had by then, newest first. */
async function readHeld(deliveries: EventLog, proxyId: string, untilMs: number) {
  const projection = heldProjection(proxyId);
  let state = projection.init();
  const contexts = new Map<string, ProxyContext>();
  for await (const event of deliveries.read()) {
    if (Date.parse(event.time) > untilMs) break;
    state = projection.evolve(state, event);
    const context = contextIn(event, proxyId);
    if (context) contexts.delete(contextKey(context));
    if (context) contexts.set(contextKey(context), context);
  }
  return { held: state.held as HeldResources, contexts: [...contexts.values()].reverse() };
}

function contextIn(event: RecordedEvent, proxyId: string): ProxyContext | undefined {
  const fact = event as unknown as DeliveryFact;
  if (fact.type !== 'io.periplus.delivery.proxy-connected' || fact.data.proxyId !== proxyId) return undefined;
  return fact.data.context as ProxyContext;
}

/** Translates again at every position that brought something, in one pass over the facts. */
async function findContents(source: StateSource, held: HeldResources, contexts: readonly ProxyContext[]) {
  const wanted = new Map<number, { readonly typeUrl: string; readonly name: string; readonly version: string }[]>();
  for (const [typeUrl, resources] of held) {
    for (const [name, { version, position }] of resources) {
      const list = wanted.get(position) ?? [];
      list.push({ typeUrl, name, version });
      wanted.set(position, list);
    }
  }
  const found = new Map<string, EncodedResource>();
  const translator = (source.newTranslator ?? newTranslator)();
  for await (const snapshot of snapshotsAt(source, wanted.keys())) {
    const missing = new Set(wanted.get(snapshot.position));
    for (const context of contexts) {
      if (missing.size === 0) break;
      const translation = translator(snapshot, context);
      for (const want of missing) {
        const resource = translation.resources(want.typeUrl as TypeUrl).get(want.name);
        if (resource?.version !== want.version) continue;
        found.set(keyOf(want.typeUrl, want.name), resource);
        missing.delete(want);
      }
    }
  }
  return found;
}

function newTranslator(): Translate {
  const memo = createMemo();
  return (snapshot, context) => translate(snapshot, context, memo);
}

const keyOf = (typeUrl: string, name: string) => `${typeUrl} ${name}`;
