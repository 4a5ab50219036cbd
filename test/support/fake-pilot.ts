// A Pilot for tests of the agent alone: answers delta ADS with fixed clusters and listeners, and keeps reports of health.
import { create, fromBinary, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack, StructSchema } from '@bufbuild/protobuf/wkt';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { ClusterSchema } from '../../gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../gen/envoy/config/listener/v3/listener_pb.js';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../gen/envoy/service/discovery/v3/discovery_pb.js';
import { agentSettingsTypeUrl } from '../../mesh/agent-settings.ts';

/** What a proxy's agent said on its own stream. */
export interface HealthReport {
  readonly nodeId: string;
  readonly healthy: boolean;
  readonly reason: string;
}

/** A running fake. */
export interface FakePilot {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** In the order of their arrival. */
  readonly reports: readonly HealthReport[];
  /** Node ids of the delta streams that were opened. */
  readonly proxies: readonly string[];
  stop(): void;
}

type Stream = ServerDuplexStream<Buffer, Buffer>;
const sameBytes = (bytes: Buffer) => bytes;
const service = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
const bidirectional = {
  requestStream: true,
  responseStream: true,
  requestSerialize: sameBytes,
  requestDeserialize: sameBytes,
  responseSerialize: sameBytes,
  responseDeserialize: sameBytes,
} as const;

/** Starts a Pilot that gives every proxy `clusters` (as proto3 JSON) and no listeners. */
export async function startFakePilot(clusters: readonly JsonObject[] = []): Promise<FakePilot> {
  const reports: HealthReport[] = [];
  const proxies: string[] = [];
  const content: Record<string, Any[]> = {
    [`type.googleapis.com/${ClusterSchema.typeName}`]: clusters.map((json) =>
      anyPack(ClusterSchema, fromJson(ClusterSchema, json)),
    ),
    [`type.googleapis.com/${ListenerSchema.typeName}`]: [],
  };
  const server = new Server();
  server.addService(
    {
      delta: { path: `${service}/DeltaAggregatedResources`, ...bidirectional },
      stream: { path: `${service}/StreamAggregatedResources`, ...bidirectional },
    },
    {
      delta: (stream: Stream) => serveDelta(stream, content, proxies),
      stream: (stream: Stream) => keepReports(stream, reports),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    const credentials = ServerCredentials.createInsecure();
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { address: `127.0.0.1:${port}`, reports, proxies, stop: () => server.forceShutdown() };
}

function serveDelta(stream: Stream, content: Readonly<Record<string, Any[]>>, proxies: string[]): void {
  const answered = new Set<string>();
  stream.on('error', () => {});
  stream.on('data', (bytes: Buffer) => {
    const request = fromBinary(DeltaDiscoveryRequestSchema, bytes);
    if (request.node && answered.size === 0) proxies.push(request.node.id);
    if (answered.has(request.typeUrl)) return;
    answered.add(request.typeUrl);
    const resources = (content[request.typeUrl] ?? []).map((resource, index) => ({
      name: `resource-${index}`,
      version: '1',
      resource,
    }));
    const response = create(DeltaDiscoveryResponseSchema, { typeUrl: request.typeUrl, nonce: '1', resources });
    stream.write(Buffer.from(toBinary(DeltaDiscoveryResponseSchema, response)));
  });
  stream.on('end', () => stream.end());
}

function keepReports(stream: Stream, reports: HealthReport[]): void {
  let nodeId = '';
  stream.on('error', () => {});
  stream.on('data', (bytes: Buffer) => {
    const request = fromBinary(DiscoveryRequestSchema, bytes);
    nodeId = request.node?.id ?? nodeId;
    if (request.typeUrl === agentSettingsTypeUrl && request.responseNonce === '') answerSettings(stream);
    if (request.typeUrl !== 'type.googleapis.com/istio.v1.HealthInformation') return;
    reports.push({ nodeId, healthy: !request.errorDetail, reason: request.errorDetail?.message ?? '' });
  });
  stream.on('end', () => stream.end());
}

/** There is nothing to know. */
function answerSettings(stream: Stream): void {
  const resources = [anyPack(StructSchema, create(StructSchema))];
  const response = create(DiscoveryResponseSchema, { typeUrl: agentSettingsTypeUrl, nonce: '1', resources });
  stream.write(Buffer.from(toBinary(DiscoveryResponseSchema, response)));
}
