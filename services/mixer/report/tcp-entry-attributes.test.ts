import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { TCPAccessLogEntrySchema } from '../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { tcpEntryAttributes } from './tcp-entry-attributes.ts';

const socket = (address: string, portValue: number) => ({
  address: {
    case: 'socketAddress' as const,
    value: { address, portSpecifier: { case: 'portValue' as const, value: portValue } },
  },
});
const facts = {
  ...{ namespace: 'default', name: 'db-1', labels: { app: 'db' }, serviceAccount: 'db', trustDomain: 'cluster.local' },
  ...{
    isGateway: false,
    services: { '5432': 'db.default.svc.cluster.local', '81': 'other.default.svc.cluster.local' },
  },
};
const entry = create(TCPAccessLogEntrySchema, {
  commonProperties: {
    streamId: 'c-1',
    duration: { seconds: 2n, nanos: 500_000_000 },
    downstreamDirectRemoteAddress: socket('10.0.0.7', 4000),
    downstreamLocalAddress: socket('10.0.0.1', 5432),
    responseFlags: { upstreamConnectionFailure: true },
    tlsProperties: {
      peerCertificateProperties: {
        subjectAltName: [{ san: { case: 'uri', value: 'spiffe://cluster.local/ns/shop/sa/alice' } }],
      },
    },
  },
  connectionProperties: { receivedBytes: 11n, sentBytes: 22n },
});

describe('a connection that has ended as attributes', () => {
  const attributes = tcpEntryAttributes({
    entry,
    facts,
    registry: undefined,
    nowMs: 7,
    before: { sent: 2, received: 11 },
  });
  it.each([
    ['connection.received.bytes', 0],
    ['connection.received.bytes_total', 11],
    ['connection.sent.bytes', 20],
    ['connection.sent.bytes_total', 22],
    ['connection.duration', 2_500],
    ['connection.event', 'close'],
    ['connection.id', 'c-1'],
    ['connection.mtls', true],
    ['connection.requested_server_name', undefined],
    ['context.protocol', 'tcp'],
    ['context.proxy_error_code', 'UF'],
    ['context.reporter.kind', 'inbound'],
    ['context.time', 7],
    ['source.ip', '10.0.0.7'],
    ['source.principal', 'cluster.local/ns/shop/sa/alice'],
    ['destination.port', 5432],
    ['destination.service.host', 'db.default.svc.cluster.local'],
    ['destination.workload.name', 'db'],
    ['request.path', undefined],
    ['response.code', undefined],
  ])('%s is %j', (name, value) => {
    expect(attributes.get(name)).toEqual(value);
  });
});
