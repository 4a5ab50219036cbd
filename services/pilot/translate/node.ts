// Reads Envoy's node (Istio's id and metadata) into a ProxyContext, refusing what is malformed, too large or not for Pilot.
import { hash } from 'node:crypto';
import { isIP } from 'node:net';
import { fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { type Node, NodeSchema } from '../../../gen/envoy/config/core/v3/base_pb.js';
import { messageOf } from '../../../lib/mesh-error.ts';
import { checkSchema, isRecord } from '../../../mesh/config/check-schema.ts';
import type { Report } from '../../../mesh/config/problem.ts';
import { durationMs } from '../../../mesh/config/quantities.ts';
import { type TrafficConfig, trafficConfigSchema } from '../../../mesh/config/schemas/proxy-traffic.ts';
import { localityFromLabel } from '../../../mesh/service-entry.ts';
import { statsCapability } from '../../../mesh/telemetry/metric-tags.ts';
import { compareNames } from './names.ts';
import { otelServiceName } from './otel-service-name.ts';
import type { ProxyContext } from './proxy-context.ts';

/** A context, or for people what is wrong with the node. */
export type NodeResult = { readonly context: ProxyContext } | { readonly problem: string };

/** Longest text taken from a node: Kubernetes' names have 253 characters, ids are made of three. */
const maxTextLength = 1024;
/** Workloads have tens of labels and a few addresses; more is an attack on Pilot's memory. */
const maxLabels = 256;
const maxAddresses = 64;
/** Istio's agents send about twenty; more are not remembered. */
const maxMetadata = 64;
/** Characters of the part of its ProxyConfig that is read: tens of tags. */
const maxProxyConfig = 16_384;

/**
 * The context of a node with Istio's id `TYPE~IP~NAME.NAMESPACE~DNSDOMAIN` and metadata
 * (istio.io/latest/docs/ops/diagnostic-tools/proxy-cmd; Envoy's message core.v3.Node).
 */
export function proxyContextOf(node: Node): NodeResult {
  try {
    return { context: readNode(node) };
  } catch (error) {
    if (error instanceof NodeProblem) return { problem: error.message };
    throw error;
  }
}

/** As `proxyContextOf`, from a node in proto3 JSON; fields that newer Envoys have are ignored. */
export function proxyContextOfJson(json: unknown): NodeResult {
  let node: Node;
  try {
    node = fromJson(NodeSchema, json as JsonValue, { ignoreUnknownFields: true });
  } catch (error) {
    return { problem: `not an Envoy node: ${messageOf(error)}` };
  }
  return proxyContextOf(node);
}

/** Equal for equal contexts: 32 hex digits. */
export function contextKey(context: ProxyContext): string {
  const labels = sorted(context.labels);
  const metadata = context.metadata && sorted(context.metadata);
  const all = Object.entries({ ...context, labels, metadata, addresses: [...context.addresses].sort() });
  all.sort(([a], [b]) => compareNames(a, b));
  return hash('sha256', JSON.stringify(all), 'hex').slice(0, 32);
}

function sorted(map: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(map).sort(([a], [b]) => compareNames(a, b));
}

/** Thrown and caught in this file only: reading has many places where it may end. */
class NodeProblem extends Error {}

function readNode(node: Node): ProxyContext {
  const { type, address, namespace, dnsDomain } = readId(node.id);
  const metadata = node.metadata ?? {};
  const interceptionMode = choice(metadata, 'INTERCEPTION_MODE', ['REDIRECT', 'TPROXY', 'NONE']) ?? 'REDIRECT';
  const labels = readLabels(metadata);
  const addresses = readAddresses(metadata, address);
  const identity = choice(metadata, 'PERIPLUS_IDENTITY', ['SDS']);
  const nodeName = text(metadata, 'NODE_NAME');
  const telemetry = choice(metadata, 'PERIPLUS_TELEMETRY', [statsCapability]);
  return {
    type,
    generator: choice(metadata, 'GENERATOR', ['envoy', 'grpc']) ?? 'envoy',
    namespace: dnsLabel('metadata NAMESPACE', text(metadata, 'NAMESPACE') || namespace),
    labels,
    addresses,
    ...(addresses.length > 0 && addresses.every((own) => isIP(own) === 6) ? { isIpv6Only: true } : {}),
    dnsDomain,
    clusterId: text(metadata, 'CLUSTER_ID'),
    network: text(metadata, 'NETWORK'),
    locality: readLocality(node, labels),
    serviceAccount: text(metadata, 'SERVICE_ACCOUNT'),
    interceptionMode,
    httpProxyPort: readPort(metadata, 'HTTP_PROXY_PORT'),
    ...(nodeName ? { nodeName } : {}),
    ...(identity ? { identity } : {}),
    ...(telemetry ? { telemetry } : {}),
    ...readProxyConfig(type, metadata),
    ...readHttp(metadata),
    ...readSpanService(node, metadata),
    ...readOther(metadata),
  };
}

/** Metadata that have a field of their own in the context. */
const fields = [
  'CLUSTER_ID',
  'GENERATOR',
  'HTTP_PROXY_PORT',
  'INSTANCE_IPS',
  'INTERCEPTION_MODE',
  'NAMESPACE',
  'NETWORK',
  'PERIPLUS_IDENTITY',
  'PERIPLUS_TELEMETRY',
  'SERVICE_ACCOUNT',
];
/** Contexts are recorded in the log: what looks like a secret is not. */
const secretKey = /token|secret|password|credential|private/i;

/** Envoys alone have spans. */
function readSpanService({ id, cluster }: Node, metadata: JsonObject): Pick<ProxyContext, 'spanService'> {
  if (metadata.GENERATOR === 'grpc') return {};
  const podName = id.split('~')[2]?.split('.')[0] ?? '';
  const semantic = checkedText('OpenTelemetry service name', otelServiceName(podName, metadata));
  return { spanService: { cluster: checkedText('cluster', cluster), semantic } };
}

/** Istio's agents send the whole ProxyConfig; of it these parts shape what proxies get. Newer agents may say more. */
function readProxyConfig(
  type: ProxyContext['type'],
  { PROXY_CONFIG: config }: JsonObject,
): Pick<ProxyContext, 'proxyConfig'> {
  if (!isRecord(config)) return {};
  const { gatewayTopology, proxyHeaders, tracing, connectionSettings } = config;
  const topology = type === 'router' ? gatewayTopology : null;
  const given = Object.entries({ gatewayTopology: topology, proxyHeaders, tracing, connectionSettings });
  const set = given.filter(([, value]) => value !== undefined && value !== null);
  if (set.length === 0) return {};
  const problems: string[] = [];
  const report: Report = (path, message) => {
    if (!message.startsWith('unknown field')) problems.push(`${path.join('.')}: ${message}`);
  };
  const proxyConfig = checkSchema(trafficConfigSchema, Object.fromEntries(set), [], { report }) as TrafficConfig;
  if (JSON.stringify(proxyConfig).length > maxProxyConfig) problems.push(`longer than ${maxProxyConfig} characters`);
  if (problems.length > 0) throw new NodeProblem(`metadata PROXY_CONFIG: ${problems[0]?.slice(0, 200)}`);
  return Object.values(proxyConfig).every((value) => Object.keys(value ?? {}).length === 0) ? {} : { proxyConfig };
}

/** As Istio reads them: what it does not understand has no effect. */
function readHttp(metadata: JsonObject): Pick<ProxyContext, 'acceptsHttp10' | 'httpIdleTimeoutMs'> {
  const idleTimeoutMs = durationMs(text(metadata, 'IDLE_TIMEOUT')) ?? -1;
  return {
    ...(text(metadata, 'HTTP10') === '1' ? { acceptsHttp10: true } : {}),
    ...(idleTimeoutMs < 0 ? {} : { httpIdleTimeoutMs: idleTimeoutMs }),
  };
}

/** Other texts, as far as they are short and not too many. */
function readOther(metadata: JsonObject): Pick<ProxyContext, 'metadata'> {
  const entries = Object.entries(metadata)
    .filter(([key]) => !fields.includes(key) && !secretKey.test(key))
    .flatMap(([key, value]) => (typeof value === 'string' ? [[key, value] as const] : []))
    .filter(([key, value]) => key.length + value.length <= maxTextLength && !hasControlCharacter(key + value))
    .sort(([a], [b]) => compareNames(a, b))
    .slice(0, maxMetadata);
  return entries.length === 0 ? {} : { metadata: Object.fromEntries(entries) };
}

function readId(id: string) {
  const shown = JSON.stringify(id.slice(0, 200));
  const parts = checkedText('id', id).split('~');
  const [type, address, name, dnsDomain] = parts;
  if (
    parts.length !== 4 ||
    type === undefined ||
    address === undefined ||
    name === undefined ||
    dnsDomain === undefined
  ) {
    throw new NodeProblem(`node id ${shown}: expected TYPE~IP~NAME.NAMESPACE~DNSDOMAIN`);
  }
  if (type !== 'sidecar' && type !== 'router') {
    throw new NodeProblem(`node id ${shown}: type is ${JSON.stringify(type)}, expected sidecar or router`);
  }
  if (address !== '' && isIP(address) === 0)
    throw new NodeProblem(`node id ${shown}: ${JSON.stringify(address)} is not an IP address`);
  const namespace = name.slice(name.lastIndexOf('.') + 1);
  return { type, address, namespace, dnsDomain } as const;
}

function readAddresses(metadata: JsonObject, own: string): readonly string[] {
  const listed = text(metadata, 'INSTANCE_IPS')
    .split(',')
    .map((address) => address.trim());
  const addresses = [...new Set([own, ...listed].filter((address) => address !== ''))];
  const wrong = addresses.find((address) => isIP(address) === 0);
  if (wrong !== undefined)
    throw new NodeProblem(`metadata INSTANCE_IPS: ${JSON.stringify(wrong)} is not an IP address`);
  if (addresses.length > maxAddresses)
    throw new NodeProblem(`metadata INSTANCE_IPS: more than ${maxAddresses} addresses`);
  return addresses.sort(compareNames);
}

function readLabels(metadata: JsonObject): Readonly<Record<string, string>> {
  const labels = metadata.LABELS;
  if (labels === undefined || labels === null) return {};
  if (typeof labels !== 'object' || Array.isArray(labels)) throw new NodeProblem('metadata LABELS: expected an object');
  const entries = Object.entries(labels).sort(([a], [b]) => compareNames(a, b));
  if (entries.length > maxLabels) throw new NodeProblem(`metadata LABELS: more than ${maxLabels} labels`);
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (typeof value !== 'string') throw new NodeProblem(`metadata LABELS ${JSON.stringify(name)}: expected text`);
      return [checkedText('metadata LABELS', name), checkedText(`metadata LABELS ${name}`, value)];
    }),
  );
}

/** Envoy's own locality, else that of Istio's label. */
function readLocality(node: Node, labels: Readonly<Record<string, string>>): string {
  const { region = '', zone = '', subZone = '' } = node.locality ?? {};
  const parts = [region, zone, subZone].map((part) => checkedText('locality', part));
  const given = parts.some((part) => part !== '') ? parts.join('/') : (localityFromLabel(labels) ?? '');
  return given.replace(/\/+$/, '');
}

function readPort(metadata: JsonObject, key: string): number {
  const value = metadata[key];
  if (value === undefined || value === null || value === '') return 0;
  const port = Number(value);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new NodeProblem(`metadata ${key}: expected a port from 1 to 65535`);
  return port;
}

function choice<const Value extends string>(
  metadata: JsonObject,
  key: string,
  values: readonly Value[],
): Value | undefined {
  const value = text(metadata, key);
  if (value === '') return undefined;
  const found = values.find((candidate) => candidate === value);
  if (found === undefined)
    throw new NodeProblem(`metadata ${key}: ${JSON.stringify(value)} is none of ${values.join(', ')}`);
  return found;
}

function text(metadata: JsonObject, key: string): string {
  const value = metadata[key];
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new NodeProblem(`metadata ${key}: expected text`);
  return checkedText(`metadata ${key}`, value);
}

function checkedText(where: string, value: string): string {
  if (value.length > maxTextLength) throw new NodeProblem(`${where}: longer than ${maxTextLength} characters`);
  if (hasControlCharacter(value)) throw new NodeProblem(`${where}: contains control characters`);
  return value;
}

function hasControlCharacter(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** RFC 1123: what a namespace may be called, and nothing that could be mistaken for a path. */
function dnsLabel(where: string, value: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value))
    throw new NodeProblem(`${where}: ${JSON.stringify(value)} is not a namespace's name`);
  return value;
}
