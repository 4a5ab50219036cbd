import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { RequestMethod } from '../../../gen/envoy/config/core/v3/base_pb.js';
import { HTTPAccessLogEntrySchema } from '../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { endpointAt, httpService, snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { logEntryAttributes } from './log-entry-attributes.ts';

const facts = {
  ...{
    namespace: 'default',
    name: 'web-1',
    labels: { app: 'web' },
    serviceAccount: 'web',
    trustDomain: 'cluster.local',
  },
  ...{ isGateway: false, services: { '80': 'web.default.svc.cluster.local', '81': 'other.default.svc.cluster.local' } },
};
const socket = (address: string, portValue: number) => ({
  address: {
    case: 'socketAddress' as const,
    value: { address, portSpecifier: { case: 'portValue' as const, value: portValue } },
  },
});
const uri = 'spiffe://cluster.local/ns/shop/sa/alice';
const entry = create(HTTPAccessLogEntrySchema, {
  commonProperties: {
    startTime: { seconds: 100n, nanos: 500_000_000 },
    timeToLastDownstreamTxByte: { seconds: 0n, nanos: 20_000_000 },
    downstreamRemoteAddress: socket('6.6.6.6', 1),
    downstreamDirectRemoteAddress: socket('10.0.0.7', 4000),
    downstreamLocalAddress: socket('10.0.0.1', 80),
    responseFlags: { upstreamConnectionFailure: true, upstreamRetryLimitExceeded: true },
    tlsProperties: {
      tlsSniHostname: 'web',
      peerCertificateProperties: { subjectAltName: [{ san: { case: 'uri', value: uri } }] },
    },
    metadata: {
      filterMetadata: { 'envoy.filters.http.jwt_authn': { payload: { iss: 'i', sub: 's', aud: ['a', 'b'] } } },
    },
  },
  request: {
    requestMethod: RequestMethod.POST,
    ...{ scheme: 'https', authority: 'web:80', path: '/a?key=k', originalPath: '/forged', userAgent: 'curl' },
    ...{ requestHeadersBytes: 100n, requestBodyBytes: 11n },
    requestHeaders: { 'x-user': 'alice', 'content-type': 'application/grpc+proto' },
  },
  response: {
    ...{ responseCode: 503, responseHeadersBytes: 50n, responseBodyBytes: 7n },
    ...{ responseHeaders: { 'x-served-by': 'v1' }, responseTrailers: { 'grpc-status': '14' } },
  },
});

describe('an access-log entry as attributes', () => {
  const service = httpService('client');
  const endpoint = endpointAt(service, '10.0.0.7', { workload: 'client-1', labels: { app: 'client' } });
  const { registry } = snapshotOf({ services: [service], endpoints: [endpoint] });
  const attributes = logEntryAttributes({ entry, facts, registry, nowMs: 200_000 });

  it.each([
    ['request.method', 'POST'],
    ['request.path', '/a?key=k'],
    ['request.url_path', '/a'],
    ['request.host', 'web:80'],
    ['request.scheme', 'https'],
    ['request.useragent', 'curl'],
    ['request.referer', undefined],
    ['request.api_key', 'k'],
    ['request.size', 11],
    ['request.total_size', 111],
    ['request.time', 100_500],
    ['request.auth.principal', 'i/s'],
    ['check.error_code', 0],
    ['check.error_message', undefined],
    ['check.cache_hit', false],
    ['quota.cache_hit', false],
    ['api.protocol', 'grpc'],
    ['api.service', undefined],
    ['request.auth.audiences', 'a,b'],
    ['request.auth.raw_claims', '{"iss":"i","sub":"s","aud":["a","b"]}'],
    ['source.service', 'client.default.svc.cluster.local'],
    ['response.code', 503],
    ['response.size', 7],
    ['response.total_size', 57],
    ['response.duration', 20],
    ['response.time', 100_520],
    ['response.grpc_status', '14'],
    ['response.grpc_message', undefined],
    ['source.ip', '10.0.0.7'],
    ['source.port', 4000],
    ['source.principal', 'cluster.local/ns/shop/sa/alice'],
    ['source.namespace', 'shop'],
    ['source.workload.name', 'client'],
    ['destination.ip', '10.0.0.1'],
    ['destination.port', 80],
    ['destination.name', 'web-1'],
    ['destination.service.name', 'web'],
    ['connection.mtls', true],
    ['connection.requested_server_name', 'web'],
    ['context.time', 200_000],
    ['context.protocol', 'grpc'],
    ['context.reporter.kind', 'inbound'],
    ['context.proxy_error_code', 'UF,URX'],
  ])('%s is %s', (name, value) => {
    expect(attributes.get(name)).toEqual(value);
  });

  it('has headers by name, of responses and trailers too, and none that was not there', () => {
    expect(attributes.entry('request.headers', 'x-user')).toBe('alice');
    expect(attributes.entry('request.headers', 'user-agent')).toBe('curl');
    expect(attributes.entry('response.headers', 'x-served-by')).toBe('v1');
    expect(attributes.entry('response.headers', 'x-user')).toBeUndefined();
    expect(attributes.entry('request.headers', 'constructor')).toBeUndefined();
  });

  it('has the path before a rewrite at gateways, which alone rewrite', () => {
    const gateway = logEntryAttributes({ entry, facts: { ...facts, isGateway: true }, registry, nowMs: 0 });
    expect(gateway.get('request.path')).toBe('/forged');
  });

  it('leaves absent what an empty entry does not tell', () => {
    const bare = create(HTTPAccessLogEntrySchema);
    const attributesOfBare = logEntryAttributes({ entry: bare, facts, registry: undefined, nowMs: 0 });
    for (const name of ['request.method', 'request.path', 'request.time', 'response.code', 'response.duration'])
      expect(attributesOfBare.get(name), name).toBeUndefined();
    for (const name of ['source.ip', 'source.principal', 'destination.ip', 'context.proxy_error_code'])
      expect(attributesOfBare.get(name), name).toBeUndefined();
    expect(attributesOfBare.get('connection.mtls')).toBe(false);
  });

  it.each([
    ['rbac_access_denied_matched_policy[Policy/default/p[0]]', {}, [7, 'no', false]],
    ['rbac_access_denied_matched_policy[ns[default]-policy[x]-rule[0]]', {}, [0, undefined, false]],
    ['ext_authz_denied', { error_code: 8, error_message: 'used up', cache_hit: false }, [8, 'used up', false]],
    ['via_upstream', { cache_hit: true }, [0, undefined, true]],
  ])('says what became of the check: %s', (responseCodeDetails, told, expected) => {
    const checked = create(HTTPAccessLogEntrySchema, {
      commonProperties: { metadata: { filterMetadata: { 'envoy.filters.http.ext_authz': told } } },
      response: { responseCodeDetails },
    });
    const denialOf = (rule: string) =>
      rule === 'Policy/default/p[0]' ? { code: 7, httpStatus: 403, message: 'no' } : undefined;
    const values = logEntryAttributes({ entry: checked, facts, registry, nowMs: 0, denialOf });
    const names = ['check.error_code', 'check.error_message', 'check.cache_hit'];
    expect(names.map((name) => values.get(name))).toEqual(expected);
  });

  it('knows the service and operation of a gRPC request', () => {
    const call = create(HTTPAccessLogEntrySchema, {
      request: { path: '/bookinfo.v1.Reviews/List', requestHeaders: { 'content-type': 'application/grpc' } },
    });
    const values = logEntryAttributes({ entry: call, facts, registry, nowMs: 0 });
    expect([values.get('api.service'), values.get('api.operation')]).toEqual(['bookinfo.v1.Reviews', 'List']);
  });
});
