// A stream of an agent's own to Pilot, beside those of its Envoy, and the node that marks it.
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { type ChannelCredentials, Client, type ClientDuplexStream } from '@grpc/grpc-js';
import { type Node, NodeSchema } from '../gen/envoy/config/core/v3/base_pb.js';
import { agentUserAgent } from '../mesh/deliveries.ts';
import { mutualTlsChannel } from './identity/mutual-tls.ts';
import type { Json } from './proxy-node.ts';

/** google.rpc.Code INVALID_ARGUMENT, which Envoy refuses with. */
export const refusedCode = 3;

/** A dead connection is noticed within this and grpc's 20 s for the answer. */
const keepaliveMs = 30_000;

/** Encoded messages both ways. */
export interface PilotStream {
  readonly client: Client;
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
}

/** Opens a stream of the aggregated discovery service to the Pilot at `address`, `HOST:PORT`. The caller ends it and closes the client. */
export function openPilotStream(
  address: string,
  security: ChannelCredentials,
  method: 'StreamAggregatedResources' | 'DeltaAggregatedResources',
): PilotStream {
  const client = new Client(address, security, { 'grpc.keepalive_time_ms': keepaliveMs, ...mutualTlsChannel });
  const stream = client.makeBidiStreamRequest<Buffer, Buffer>(
    `/envoy.service.discovery.v3.AggregatedDiscoveryService/${method}`,
    (bytes) => bytes,
    (bytes) => bytes,
  );
  return { client, stream };
}

/** The node of an agent's stream: its Envoy has the same id. */
export function agentNode(node: Readonly<Record<string, Json>>): Node {
  return fromJson(NodeSchema, { ...node, user_agent_name: agentUserAgent } as JsonValue);
}
