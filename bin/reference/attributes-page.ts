// docs/reference/attributes.md: Mixer's vocabulary, and when each attribute has a value: asked of the code itself, with entries of Envoy's that hold everything.
import { create } from '@bufbuild/protobuf';
import { RequestMethod } from '../../gen/envoy/config/core/v3/base_pb.js';
import {
  AccessLogType,
  HTTPAccessLogEntrySchema,
  TCPAccessLogEntrySchema,
} from '../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { CheckRequestSchema } from '../../gen/envoy/service/auth/v3/external_auth_pb.js';
import { type Attributes, olderNames, vocabulary } from '../../mesh/policy/attributes.ts';
import { attributeInCel, NotLowerable } from '../../mesh/policy/lowering/envoy-attributes.ts';
import { knownAttributes, type WorkloadFacts } from '../../mesh/policy/workload-facts.ts';
import type { RegistryView } from '../../mesh/snapshot.ts';
import { requestAttributes } from '../../services/mixer/check/request-attributes.ts';
import { logEntryAttributes } from '../../services/mixer/report/log-entry-attributes.ts';
import { tcpEntryAttributes } from '../../services/mixer/report/tcp-entry-attributes.ts';
import { markdownTable, page } from './markdown.ts';

/** The page. */
export function attributesPage(): string {
  const sources = [check, report, connectionCheck, connectionReport].map((make) => make());
  const known = knownAttributes(facts);
  const rows = [...vocabulary].map(([name, type]) => {
    const places = sources.map((attributes) => (attributes.get(name) === undefined ? '-' : 'yes'));
    const older = olderNames.get(name);
    return [name, type, ...places, known.get(name) === undefined ? envoyHas(name) : 'the workload', older ?? ''];
  });
  const unfilled = rows.filter(([, , ...cells]) => cells.slice(0, 4).every((cell) => cell === '-'));
  const header = ['attribute', 'type', 'check', 'report', 'TCP check', 'TCP report', 'decided without Mixer by', 'now'];
  return page(
    '# Attributes',
    'The vocabulary of Mixer (Istio 1.4) that expressions are made of, with its types. The columns tell when an attribute can have a value: in the check before a request, in the ' +
      'report after it, in the check of a TCP connection and in its reports. `-`: it is always absent there, so that `|` gives the other value. Where Envoy or what is known ' +
      'of the workload has the same value as Mixer, a rule that reads it needs no Mixer. Sources need a certificate, or an address in the registry.',
    markdownTable(header, rows),
    `Known by name, so that old files apply, and always absent: ${unfilled.map(([name]) => `\`${name}\``).join(', ')}.`,
  );
}

function envoyHas(name: string): string {
  // One header or claim of a map can be asked for; a principal can be compared.
  if (name === 'request.headers' || name === 'request.auth.claims') return 'Envoy (one entry)';
  if (['source.principal', 'source.namespace', 'request.auth.principal'].includes(name)) return 'Envoy (==)';
  if (name === 'source.ip') return 'Envoy (==, lists)';
  if (name === 'request.api_key') return 'Envoy (lists)';
  try {
    attributeInCel(name);
    return 'Envoy';
  } catch (error) {
    if (error instanceof NotLowerable) return '';
    throw error;
  }
}

const facts: WorkloadFacts = {
  ...{
    namespace: 'default',
    name: 'web-1',
    labels: { app: 'web' },
    serviceAccount: 'web',
    isGateway: false,
    clusterId: 'c1',
  },
  ...{ trustDomain: 'cluster.local', services: { '80': 'web.default.svc.cluster.local' } },
};
const peer = 'spiffe://cluster.local/ns/shop/sa/client';
const instances = [
  {
    endpoint: {
      workload: 'client-1',
      namespace: 'shop',
      labels: { app: 'client' },
      hostname: 'client.shop.svc',
      clusterId: 'c1',
    },
  },
];
const registry = { instancesAt: () => instances } as unknown as RegistryView;
const at = (address: string, port: number) => ({
  address: {
    case: 'socketAddress' as const,
    value: { address, portSpecifier: { case: 'portValue' as const, value: port } },
  },
});
const claims = { iss: 'i', sub: 's', aud: 'a', azp: 'p' };
const metadata = {
  filterMetadata: {
    'envoy.filters.http.jwt_authn': { payload: claims },
    'envoy.filters.http.ext_authz': { error_code: 7, error_message: 'no', cache_hit: true },
  },
};
const headers = {
  ...{ 'user-agent': 'a', referer: 'b', 'x-request-id': 'c', 'x-api-key': 'd' },
  'content-type': 'application/grpc',
};
const moment = { seconds: 1n, nanos: 0 };
const request = { scheme: 'http', path: '/package.Service/Call?a=b' };

function checkOf(http: boolean): Attributes {
  const attributes = {
    source: { address: at('10.0.0.2', 4000), principal: peer },
    destination: { address: at('10.0.0.1', 80) },
    tlsSession: { sni: 'web' },
    ...(http
      ? {
          metadataContext: metadata,
          request: { time: moment, http: { ...request, method: 'GET', host: 'h', size: 1n, headers } },
        }
      : {}),
  };
  const message = create(CheckRequestSchema, { attributes });
  return requestAttributes({ request: message, facts, registry, nowMs: 1 });
}

const check = () => checkOf(true);
const connectionCheck = () => checkOf(false);

const commonProperties = {
  ...{ startTime: moment, timeToLastDownstreamTxByte: moment, duration: moment, streamId: 'id', metadata },
  ...{ downstreamDirectRemoteAddress: at('10.0.0.2', 4000), downstreamLocalAddress: at('10.0.0.1', 80) },
  responseFlags: { upstreamConnectionFailure: true },
  tlsProperties: {
    tlsSniHostname: 'web',
    peerCertificateProperties: { subjectAltName: [{ san: { case: 'uri' as const, value: peer } }] },
  },
};

function report(): Attributes {
  const entry = create(HTTPAccessLogEntrySchema, {
    commonProperties,
    request: {
      ...request,
      path: '/package.Service/Call',
      requestMethod: RequestMethod.GET,
      requestHeaders: headers,
      authority: 'h',
    },
    response: { responseCode: 200, responseHeaders: { 'grpc-status': '0', 'grpc-message': 'm' } },
  });
  return logEntryAttributes({ entry, facts, registry, nowMs: 1 });
}

function connectionReport(): Attributes {
  const ended = { ...commonProperties, accessLogType: AccessLogType.TcpConnectionEnd };
  const entry = create(TCPAccessLogEntrySchema, { commonProperties: ended, connectionProperties: { sentBytes: 1n } });
  return tcpEntryAttributes({ entry, facts, registry, nowMs: 1, before: { sent: 0, received: 0 } });
}
