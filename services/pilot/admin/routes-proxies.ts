// Proxies over HTTP: their status, and what one of them held now or at a moment.
import type { FastifyInstance } from 'fastify';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { DeliveriesState, StreamRecord } from '../../../mesh/deliveries.ts';
import { stateAt } from '../replay/state-at.ts';
import { translationToJson } from '../translate/json.ts';
import { createMemo } from '../translate/memo.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import { translate } from '../translate/translate.ts';
import { type TypeUrl, typeUrls } from '../translate/translation.ts';
import { type AdminContext, momentOf, snapshotFor } from './context.ts';
import { proxyName } from './proxy-status.ts';
import { atQuery, errorSchema, type ListResponse, listSchema, type ProxyStatus } from './schemas.ts';

/** A resource in proto3 JSON. */
type Message = Readonly<Record<string, unknown>>;

/** Answer of /proxies/ID/config. */
export interface ProxyConfigAnswer {
  readonly proxy: { readonly id: string; readonly name: string };
  /** Facts position of the moment that was asked for. */
  readonly position: number;
  /** `held`: what the proxy had acknowledged; `translated`: what follows from the facts, for a position or a proxy that had nothing yet. */
  readonly basis: 'held' | 'translated';
  /** Contents that were acknowledged but that translation no longer makes; empty unless replay is broken. */
  readonly missing: readonly string[];
  readonly resources: {
    readonly listeners: readonly Message[];
    readonly routes: readonly Message[];
    readonly clusters: readonly Message[];
    readonly endpoints: readonly Message[];
  };
}

/** Registers /proxies and /proxies/ID/config. */
export function registerProxyRoutes(app: FastifyInstance, context: AdminContext): void {
  app.get<{ Querystring: { at?: string } }>(
    '/proxies',
    {
      schema: {
        summary: 'Every proxy that ever connected, and what it holds of each xDS type',
        tags: ['proxies'],
        querystring: atQuery,
        response: { 200: listSchema, '4xx': errorSchema },
      },
    },
    async ({ query }): Promise<ListResponse<ProxyStatus>> => {
      const { position } = await momentOf(context, query.at);
      return { position, items: await context.deliveries.proxiesAt(await timeOf(context, query.at)) };
    },
  );

  app.get<{ Params: { id: string }; Querystring: { at?: string } }>(
    '/proxies/:id/config',
    {
      schema: {
        summary: 'The xDS resources that a proxy held, in proto3 JSON',
        tags: ['proxies'],
        querystring: atQuery,
        response: { '4xx': errorSchema, '5xx': errorSchema },
      },
    },
    async ({ params, query }) => await proxyConfig(context, params.id, query.at),
  );
}

/** The time up to which deliveries count; undefined for now. */
export async function timeOf(context: AdminContext, at: string | undefined): Promise<string | undefined> {
  if (at === undefined || at === 'now') return undefined;
  const moment = await momentOf(context, at);
  if (moment.time !== undefined) return moment.time;
  // What was sent for a position arrives after it: count until the next fact.
  for await (const event of context.logs.facts.read({ from: moment.position + 1, limit: 1 })) return event.time;
  return undefined;
}

/** A position asks what follows from the facts; a time, or now, asks what the proxy held. */
async function proxyConfig(context: AdminContext, proxyId: string, at: string | undefined): Promise<ProxyConfigAnswer> {
  const moment = await momentOf(context, at);
  const stream = await streamAt(context, proxyId, moment.time);
  const answer = { proxy: { id: proxyId, name: proxyName(proxyId) }, position: moment.position };
  const isNow = at === undefined || at === 'now';
  if (!isNow && moment.time === undefined) {
    return { ...answer, basis: 'translated', missing: [], resources: await translatedAt(context, stream, at) };
  }
  // A proxy that has answered everything holds what is served to it: no need to read the whole log.
  if (isNow && holdsNewest(context, proxyId)) {
    return { ...answer, basis: 'held', missing: [], resources: await translatedAt(context, stream, at) };
  }
  const state = await stateAt(
    { ...context.logs, mesh: context.mesh },
    moment.time ?? new Date(context.clock.nowMs()).toISOString(),
  );
  const held = await state.heldBy(proxyId);
  if (held.length === 0) {
    return { ...answer, basis: 'translated', missing: [], resources: await translatedAt(context, stream, at) };
  }
  const of = (typeUrl: TypeUrl) =>
    held.flatMap((content) => (content.typeUrl === typeUrl && content.resource ? [content.resource] : []));
  return {
    ...answer,
    basis: 'held',
    missing: held.filter((content) => content.resource === undefined).map(({ typeUrl, name }) => `${typeUrl} ${name}`),
    resources: {
      listeners: of(typeUrls.listener),
      routes: of(typeUrls.route),
      clusters: of(typeUrls.cluster),
      endpoints: of(typeUrls.endpoints),
    },
  };
}

async function translatedAt(
  context: AdminContext,
  stream: StreamRecord,
  at: string | undefined,
): Promise<ProxyConfigAnswer['resources']> {
  const translation = translate(await snapshotFor(context, at), stream.context as ProxyContext, createMemo());
  return translationToJson(translation).resources;
}

/** Its one stream has been given the newest snapshot, has answered, and refuses nothing. */
function holdsNewest(context: AdminContext, proxyId: string): boolean {
  const streams = context.progress().filter((stream) => stream.proxyId === proxyId);
  const types = context.deliveries.state().proxies.get(proxyId)?.types.values() ?? [];
  const rejects = [...types].some((type) => type.rejected !== undefined);
  return (
    streams.length > 0 &&
    !rejects &&
    streams.every((stream) => stream.settled && stream.position === context.snapshots.value?.position)
  );
}

/** What the proxy said of itself when it last connected by `time`, or else when it last did. */
export async function streamAt(
  context: AdminContext,
  proxyId: string,
  time: string | undefined,
): Promise<StreamRecord> {
  const then = time === undefined ? undefined : streamOf(await context.deliveries.stateAt(time), proxyId);
  const stream = then ?? streamOf(context.deliveries.state(), proxyId);
  if (stream !== undefined) return stream;
  throw new MeshError(
    'not-found',
    `no proxy with the node id "${proxyId}" has ever connected; /api/v1/proxies lists them`,
  );
}

function streamOf(state: DeliveriesState, proxyId: string): StreamRecord | undefined {
  const proxy = state.proxies.get(proxyId);
  return proxy === undefined ? undefined : ([...proxy.streams.values()].at(-1) ?? proxy.lastConnected);
}
