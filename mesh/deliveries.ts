// The deliveries projection: for every proxy its streams and, per type, what was last pushed, acknowledged and rejected.
import type {
  Acknowledged,
  DeliveryFact,
  PilotProgressed,
  ProxyConnected,
  ProxyDisconnected,
  Pushed,
  Rejected,
  RejectionTraced,
} from '../events/delivery-facts.ts';
import type { RecordedEvent } from '../events/envelope.ts';
import type { Projection } from '../events/projection.ts';

/** One response that was sent, and when. */
export interface PushRecord {
  readonly streamId: string;
  readonly nonce: string;
  /** Facts position of its content. */
  readonly position: number;
  /** RFC 3339. */
  readonly time: string;
}

/** A response that the proxy took into use. */
export interface AckRecord extends PushRecord {
  /** From push to acknowledgement. */
  readonly latencyMs: number;
}

/** A response that the proxy refused. */
export interface RejectionRecord extends PushRecord {
  /** gRPC status code. */
  readonly code: number;
  readonly message: string;
  /** What it came from, once that was found out. */
  readonly traced?: Pick<RejectionTraced['data'], 'resources' | 'causes'>;
}

/** What is known of one type at one proxy. Absent: never happened. */
export interface TypeDelivery {
  readonly pushed?: PushRecord;
  readonly acknowledged?: AckRecord;
  /** The last refusal; gone once a later push of the type is acknowledged. */
  readonly rejected?: RejectionRecord;
}

/** An open ADS stream. */
export type StreamRecord = ProxyConnected['data'] & { readonly connectedAt: string };

/** What is known of one proxy. */
export interface ProxyDelivery {
  readonly proxyId: string;
  /** Open streams by stream id; none when the proxy is away. */
  readonly streams: ReadonlyMap<string, StreamRecord>;
  /** Open streams of the proxy's agent, which has its trust bundle from Pilot. */
  readonly agents: ReadonlyMap<string, StreamRecord>;
  /** By type URL. */
  readonly types: ReadonlyMap<string, TypeDelivery>;
  /** What it said of itself when it last connected. */
  readonly lastConnected?: StreamRecord;
  /** When and why its last stream ended, while it has none. */
  readonly left?: { readonly time: string; readonly reason: string };
}

/** What connectedIdentities reads of a recorded ProxyContext. */
export interface ProxyContextRecord {
  readonly identity?: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
}

/** Istio's PCDS: what agents ask for to learn the trust bundle. */
export const proxyConfigTypeUrl = 'type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig';
/** `user_agent_name` of our agents: marks their streams among those of their Envoys, which have the same node id. */
export const agentUserAgent = 'periplus-agent';

/** By proxy id. Entries are immutable and replaced when they change, so that readers can compare by identity. */
export interface DeliveriesState {
  readonly proxies: Map<string, ProxyDelivery>;
  /** What each Pilot last said of its streams, by name; none where one process has the logs alone. */
  readonly pilots: Map<string, PilotProgressed['data']>;
  /** Deliveries position folded to. */
  position: number;
}

/** As istioctl's proxy-status shows it (istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd). */
export type DeliveryStatus = 'SYNCED' | 'STALE' | 'NOT SENT' | 'ERROR';

/** Folds delivery facts; other events pass through. Manifests are held-resources.ts's. */
export const deliveriesProjection: Projection<DeliveriesState> = {
  name: 'deliveries',
  init: () => ({ proxies: new Map(), pilots: new Map(), position: 0 }),
  evolve: evolveDeliveries,
};

function evolveDeliveries(state: DeliveriesState, event: RecordedEvent): DeliveriesState {
  state.position = event.position;
  const fact = event as unknown as DeliveryFact;
  switch (fact.type) {
    case 'io.periplus.delivery.proxy-connected':
      change(state, fact.data.proxyId, (proxy) => connected(proxy, fact, event.time));
      break;
    case 'io.periplus.delivery.proxy-disconnected':
      change(state, fact.data.proxyId, (proxy) => disconnected(proxy, fact, event.time));
      break;
    case 'io.periplus.delivery.pushed':
      changeType(state, fact.data, (type) => ({ ...type, pushed: recordOf(fact, event.time) }));
      break;
    case 'io.periplus.delivery.acknowledged':
      changeType(state, fact.data, (type) => acknowledged(type, fact, event.time));
      break;
    case 'io.periplus.delivery.rejected':
      changeType(state, fact.data, (type) => rejected(type, fact, event.time));
      break;
    case 'io.periplus.delivery.pilot-progressed':
      state.pilots.set(fact.data.pilot, fact.data);
      break;
    case 'io.periplus.delivery.rejection-traced':
      changeType(state, fact.data, (type) => traced(type, fact));
      break;
    case 'io.periplus.delivery.manifest-recorded':
    case 'io.periplus.delivery.stream-refused':
      break;
    default:
      fact satisfies never;
  }
  return state;
}

function change(state: DeliveriesState, proxyId: string, next: (proxy: ProxyDelivery) => ProxyDelivery): void {
  const proxy = state.proxies.get(proxyId) ?? { proxyId, streams: new Map(), agents: new Map(), types: new Map() };
  state.proxies.set(proxyId, next(proxy));
}

function changeType(
  state: DeliveriesState,
  of: { readonly proxyId: string; readonly typeUrl: string },
  next: (type: TypeDelivery) => TypeDelivery,
): void {
  change(state, of.proxyId, (proxy) => {
    const type = next(proxy.types.get(of.typeUrl) ?? {});
    return { ...proxy, types: new Map(proxy.types).set(of.typeUrl, type) };
  });
}

function connected({ left, ...proxy }: ProxyDelivery, fact: ProxyConnected, time: string): ProxyDelivery {
  const stream = { ...fact.data, connectedAt: time };
  if (isAgent(stream))
    return { ...proxy, agents: new Map(proxy.agents).set(stream.streamId, stream), ...(left && { left }) };
  return { ...proxy, streams: new Map(proxy.streams).set(stream.streamId, stream), lastConnected: stream };
}

const isAgent = ({ userAgent }: { readonly userAgent: string }) => userAgent === agentUserAgent;

function disconnected(proxy: ProxyDelivery, fact: ProxyDisconnected, time: string): ProxyDelivery {
  const [streams, agents] = [new Map(proxy.streams), new Map(proxy.agents)];
  agents.delete(fact.data.streamId);
  const wasProxy = streams.delete(fact.data.streamId);
  // What was on its way when the stream ended never arrived: only what was acknowledged remains.
  const types = new Map([...proxy.types].map(([typeUrl, type]) => [typeUrl, withoutPending(type, fact.data.streamId)]));
  return {
    ...proxy,
    streams,
    agents,
    types,
    ...(wasProxy && streams.size === 0 && { left: { time, reason: fact.data.reason } }),
  };
}

function withoutPending(type: TypeDelivery, streamId: string): TypeDelivery {
  if (type.pushed?.streamId !== streamId || isAnswered(type)) return type;
  const { pushed: _, ...rest } = type;
  return rest;
}

function acknowledged(type: TypeDelivery, fact: Acknowledged, time: string): TypeDelivery {
  const { rejected: refusal, ...rest } = type;
  const record = { ...recordOf(fact, time), latencyMs: fact.data.latencyMs };
  // An acknowledgement that was already on its way when a newer push was refused does not clear that.
  const stands =
    refusal &&
    refusal.streamId === record.streamId &&
    refusal.nonce === type.pushed?.nonce &&
    record.nonce !== refusal.nonce;
  return { ...rest, acknowledged: record, ...(stands && { rejected: refusal }) };
}

function rejected(type: TypeDelivery, fact: Rejected, time: string): TypeDelivery {
  const { code, message } = fact.data;
  return { ...type, rejected: { ...recordOf(fact, time), code, message } };
}

/** Kept only while that refusal still stands. */
function traced(type: TypeDelivery, { data }: RejectionTraced): TypeDelivery {
  const { rejected: refusal } = type;
  if (refusal?.streamId !== data.streamId || refusal.nonce !== data.nonce) return type;
  const { resources, causes } = data;
  return { ...type, rejected: { ...refusal, traced: { resources, causes } } };
}

function recordOf(fact: Pushed | Acknowledged | Rejected, time: string): PushRecord {
  const { streamId, nonce, position } = fact.data;
  return { streamId, nonce, position, time };
}

function isAnswered({ pushed, acknowledged, rejected }: TypeDelivery): boolean {
  const same = (answer: PushRecord | undefined) =>
    answer?.nonce === pushed?.nonce && answer?.streamId === pushed?.streamId;
  return same(acknowledged) || same(rejected);
}

/** Whether the proxy uses what it was last sent of a type (undefined: nothing is known of it). */
export function deliveryStatus(type: TypeDelivery | undefined): DeliveryStatus {
  if (type?.rejected) return 'ERROR';
  // A proxy that reconnects with all it needs is sent nothing, and is in sync with what it acknowledged before.
  if (!type?.pushed) return type?.acknowledged ? 'SYNCED' : 'NOT SENT';
  return isAnswered(type) ? 'SYNCED' : 'STALE';
}
