// Proxies over HTTP: their status, and what one of them held now or at a moment.
import type { FastifyInstance } from 'fastify';
import { MeshError } from '../../../lib/mesh-error.ts';
import type { DeliveriesState, StreamRecord } from '../../../mesh/deliveries.ts';
import { resourceToJson } from '../translate/json.ts';
import type { ProxyContext } from '../translate/proxy-context.ts';
import { translate } from '../translate/translate.ts';
import { type EncodedResource, typeUrls } from '../translate/translation.ts';
import { type AdminContext, momentOf, snapshotFor } from './context.ts';
import { findHeld, type HeldUntil, readHeld } from './held-config.ts';
import { proxyName } from './proxy-status.ts';
import { atQuery, errorSchema, type ListResponse, listSchema, type ProxyStatus } from './schemas.ts';

/** A resource in proto3 JSON. */
type Message = Readonly<Record<string, unknown>>;

/** Answer of /proxies/ID/config. */
export interface ProxyConfigAnswer {
  readonly proxy: { readonly id: string; readonly name: string };
  /** Facts position of the moment that was asked for. */
  readonly position: number;
  /** `held`: what the proxy acknowledged; `translated`: what it would be sent, because it had acknowledged nothing yet. */
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
async function timeOf(context: AdminContext, at: string | undefined): Promise<string | undefined> {
  if (at === undefined || at === 'now') return undefined;
  const moment = await momentOf(context, at);
  if (moment.time !== undefined) return moment.time;
  // What was sent for a position arrives after it: count until the next fact.
  for await (const event of context.logs.facts.read({ from: moment.position + 1, limit: 1 })) return event.time;
  return undefined;
}

async function proxyConfig(context: AdminContext, proxyId: string, at: string | undefined): Promise<ProxyConfigAnswer> {
  const moment = await momentOf(context, at);
  const time = await timeOf(context, at);
  const stream =
    streamOf(time === undefined ? context.deliveries.state() : await context.deliveries.stateAt(time), proxyId) ??
    streamOf(context.deliveries.state(), proxyId);
  if (stream === undefined)
    throw new MeshError(
      'not-found',
      `no proxy with the node id "${proxyId}" has ever connected; /api/v1/proxies lists them`,
    );
  const until: HeldUntil =
    at === undefined || at === 'now'
      ? 'now'
      : moment.time === undefined
        ? { position: moment.position }
        : { time: moment.time };
  const held = await readHeld(context.logs.deliveries, proxyId, until);
  const proxyContext = stream.context as ProxyContext;
  const answer = { proxy: { id: proxyId, name: proxyName(proxyId) }, position: moment.position };
  if (held.size === 0) {
    const translation = translate(await snapshotFor(context, at), proxyContext);
    const all = (typeUrl: EncodedResource['typeUrl']) => {
      const set = translation.resources(typeUrl);
      return set.names().flatMap((name) => set.get(name) ?? []);
    };
    return { ...answer, basis: 'translated', missing: [], resources: lists(all) };
  }
  const found = await findHeld(held, {
    position: moment.position,
    context: proxyContext,
    snapshotAt: context.snapshotAt,
    translate,
  });
  return {
    ...answer,
    basis: 'held',
    missing: found.missing,
    resources: lists((typeUrl) => found.resources.get(typeUrl) ?? []),
  };
}

function streamOf(state: DeliveriesState, proxyId: string): StreamRecord | undefined {
  const proxy = state.proxies.get(proxyId);
  return proxy === undefined ? undefined : ([...proxy.streams.values()].at(-1) ?? proxy.lastConnected);
}

function lists(
  of: (typeUrl: EncodedResource['typeUrl']) => readonly EncodedResource[],
): ProxyConfigAnswer['resources'] {
  const messages = (typeUrl: EncodedResource['typeUrl']) =>
    of(typeUrl).map((resource) => resourceToJson(resource) as Message);
  return {
    listeners: messages(typeUrls.listener),
    routes: messages(typeUrls.route),
    clusters: messages(typeUrls.cluster),
    endpoints: messages(typeUrls.endpoints),
  };
}
