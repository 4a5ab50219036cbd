// A report tells the bytes since the one before, and says that it does not know where it can't.
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { AccessLogType, TCPAccessLogEntrySchema } from '../../../gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { ConnectionBytes } from './connection-bytes.ts';

const { TcpUpstreamConnected: open, TcpPeriodic: goes, TcpConnectionEnd: close } = AccessLogType;
const entry = (accessLogType: AccessLogType, sent: number, options: { id?: string; connected?: boolean } = {}) =>
  create(TCPAccessLogEntrySchema, {
    commonProperties: {
      ...{ streamId: options.id ?? 'a', accessLogType },
      ...(options.connected === false ? {} : { upstreamRemoteAddress: {} }),
    },
    connectionProperties: { sentBytes: BigInt(sent), receivedBytes: 1n },
  });

describe('ConnectionBytes', () => {
  it('gives what was told before, each connection by itself', () => {
    const bytes = new ConnectionBytes();
    expect(bytes.before(entry(open, 0))).toEqual({ sent: 0, received: 0 });
    expect(bytes.before(entry(open, 3, { id: 'b' }))).toEqual({ sent: 0, received: 0 });
    expect(bytes.before(entry(goes, 5))).toEqual({ sent: 0, received: 1 });
    expect(bytes.before(entry(close, 9))).toEqual({ sent: 5, received: 1 });
    expect(bytes.before(entry(close, 9, { id: 'b' }))).toEqual({ sent: 3, received: 1 });
  });

  it('does not know what another was told of a connection that was open before; then it does', () => {
    const bytes = new ConnectionBytes();
    expect(bytes.before(entry(goes, 5))).toBeUndefined();
    expect(bytes.before(entry(goes, 8))).toEqual({ sent: 5, received: 1 });
  });

  it('knows that nobody was told of a connection that never reached a host', () => {
    expect(new ConnectionBytes().before(entry(close, 0, { connected: false }))).toEqual({ sent: 0, received: 0 });
  });
});
