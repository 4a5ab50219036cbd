// One delta ADS stream as Envoy opens it: clusters, then their endpoints and listeners, then the listeners' routes.
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Cluster_DiscoveryType, ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Node } from '../gen/envoy/config/core/v3/base_pb.js';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { DeltaDiscoveryRequestSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.js';
import { visitFields } from './wire.ts';

const types = {
  cds: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  eds: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  lds: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  rds: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
};

/** What all streams of a client share: counters, the marker looked for, and what was learned of contents seen before. */
export interface LoadTotals {
  messages: number;
  bytes: number;
  /** A response that holds these bytes ends the round for its stream. */
  marker: Buffer | undefined;
  onMarker: (stream: number) => void;
  onFull: (stream: number) => void;
  onEnd: (stream: number, reason: string) => void;
  /** Names that a resource's content refers to, by type, name and version: equal contents are decoded once. */
  readonly references: Map<string, readonly string[]>;
}

const referencesOf: Readonly<Record<string, (bytes: Uint8Array) => readonly string[]>> = {
  [types.cds]: (bytes) => {
    const cluster = fromBinary(ClusterSchema, bytes);
    if (
      cluster.clusterDiscoveryType.case !== 'type' ||
      cluster.clusterDiscoveryType.value !== Cluster_DiscoveryType.EDS
    )
      return [];
    return [cluster.edsClusterConfig?.serviceName || cluster.name];
  },
  [types.lds]: (bytes) => {
    const listener = fromBinary(ListenerSchema, bytes);
    const chains = [...listener.filterChains, ...(listener.defaultFilterChain ? [listener.defaultFilterChain] : [])];
    return chains.flatMap((chain) =>
      chain.filters.flatMap((filter) => {
        if (
          filter.configType.case !== 'typedConfig' ||
          !filter.configType.value.typeUrl.endsWith('HttpConnectionManager')
        )
          return [];
        const manager = fromBinary(HttpConnectionManagerSchema, filter.configType.value.value);
        return manager.routeSpecifier.case === 'rds' ? [manager.routeSpecifier.value.routeConfigName] : [];
      }),
    );
  },
};

/** Opens stream `index` on `session` and keeps it acknowledging until the session closes. */
export function openLoadStream(session: ClientHttp2Session, index: number, node: Node, totals: LoadTotals): void {
  const stream: ClientHttp2Stream = session.request({
    ':method': 'POST',
    ':path': '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const subscribed: Record<string, Set<string>> = { [types.eds]: new Set(), [types.rds]: new Set() };
  const asked = new Set<string>();
  const got = new Set<string>();
  let nodeSent = false;
  let full = false;

  const send = (typeUrl: string, fields: { responseNonce?: string; resourceNamesSubscribe?: string[] } = {}) => {
    const request = create(DeltaDiscoveryRequestSchema, { typeUrl, ...fields, ...(nodeSent ? {} : { node }) });
    nodeSent = true;
    const body = toBinary(DeltaDiscoveryRequestSchema, request);
    const frame = Buffer.allocUnsafe(5 + body.length);
    frame[0] = 0;
    frame.writeUInt32BE(body.length, 1);
    frame.set(body, 5);
    stream.write(frame);
  };
  const subscribe = (typeUrl: string, names: readonly string[]) => {
    const known = subscribed[typeUrl] ?? new Set();
    const added = names.filter((name) => !known.has(name));
    for (const name of added) known.add(name);
    if (added.length === 0) return;
    asked.add(typeUrl);
    send(typeUrl, { resourceNamesSubscribe: [...new Set(added)] });
  };

  const receive = (message: Buffer) => {
    const { typeUrl, nonce, references } = readDelta(message, totals);
    totals.messages++;
    totals.bytes += message.length;
    if (totals.marker !== undefined && message.includes(totals.marker)) totals.onMarker(index);
    got.add(typeUrl);
    send(typeUrl, { responseNonce: nonce });
    if (typeUrl === types.cds) {
      subscribe(types.eds, references);
      if (!asked.has(types.lds)) {
        asked.add(types.lds);
        send(types.lds);
      }
    } else if (typeUrl === types.lds) subscribe(types.rds, references);
    const whole =
      got.has(types.cds) &&
      got.has(types.lds) &&
      (got.has(types.eds) || !asked.has(types.eds)) &&
      (got.has(types.rds) || !asked.has(types.rds));
    if (whole && !full) {
      full = true;
      totals.onFull(index);
    }
  };

  receiveFrames(stream, receive);
  stream.on('error', (error) => totals.onEnd(index, error.message));
  stream.on('close', () => totals.onEnd(index, 'closed'));
  send(types.cds);
}

/** Cuts a gRPC stream into messages. */
function receiveFrames(stream: ClientHttp2Stream, receive: (message: Buffer) => void): void {
  let chunks: Buffer[] = [];
  let have = 0;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    have += chunk.length;
    for (;;) {
      if (have < 5) return;
      if ((chunks[0]?.length ?? 0) < 5) chunks = [Buffer.concat(chunks)];
      const head = chunks[0] ?? Buffer.alloc(0);
      const length = head.readUInt32BE(1);
      if (have < 5 + length) return;
      const all = chunks.length === 1 ? head : Buffer.concat(chunks);
      const rest = all.subarray(5 + length);
      chunks = rest.length > 0 ? [rest] : [];
      have = rest.length;
      receive(all.subarray(5, 5 + length));
    }
  });
}

function readDelta(message: Buffer, totals: LoadTotals): { typeUrl: string; nonce: string; references: string[] } {
  let typeUrl = '';
  let nonce = '';
  const resources: (readonly [start: number, end: number])[] = [];
  visitFields(message, 0, message.length, ({ number, start, end }) => {
    if (number === 2) resources.push([start, end]);
    else if (number === 4) typeUrl = message.toString('utf8', start, end);
    else if (number === 5) nonce = message.toString('utf8', start, end);
  });
  const read = referencesOf[typeUrl];
  if (read === undefined) return { typeUrl, nonce, references: [] };
  return {
    typeUrl,
    nonce,
    references: resources.flatMap(([start, end]) => readReferences(message, start, end, totals, read)),
  };
}

function readReferences(
  message: Buffer,
  from: number,
  to: number,
  totals: LoadTotals,
  read: (bytes: Uint8Array) => readonly string[],
): readonly string[] {
  let name = '';
  let version = '';
  let any: readonly [number, number] = [0, 0];
  visitFields(message, from, to, ({ number, start, end }) => {
    if (number === 3) name = message.toString('utf8', start, end);
    else if (number === 1) version = message.toString('utf8', start, end);
    else if (number === 2) any = [start, end];
  });
  const key = `${name}\0${version}`;
  const known = totals.references.get(key);
  if (known !== undefined) return known;
  let value: readonly string[] = [];
  visitFields(message, any[0], any[1], ({ number, start, end }) => {
    if (number === 2) value = read(message.subarray(start, end));
  });
  totals.references.set(key, value);
  return value;
}
