// What translation says of services that it does not serve as written.
import { describe, expect, it } from 'vitest';
import { endpointAt, httpService, snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from './context-fixture.ts';
import { createMemo } from './memo.ts';
import type { ProxyContext } from './proxy-context.ts';
import { translate } from './translate.ts';

const wildcard = httpService('wild', {
  hostname: '*.example.com',
  platform: 'service-entry',
  resolution: 'DYNAMIC_DNS',
});

function warnings(context: ProxyContext, ...services: ReturnType<typeof httpService>[]) {
  return translate(snapshotOf({ services }), context, createMemo()).warnings;
}

describe('warnings', () => {
  it('say to gRPC clients that DYNAMIC_DNS has no look-ups there', () => {
    expect(warnings(sidecarContext({ generator: 'grpc' }), wildcard)).toEqual([
      expect.stringMatching(/^Service\/default\/\*\.example\.com: gRPC clients can't look up names/),
    ]);
    expect(warnings(sidecarContext(), wildcard)).toEqual([]);
  });

  it('name endpoints that EDS can not carry and wildcards without a name to look up', () => {
    const service = httpService('a');
    const snapshot = snapshotOf({ services: [service], endpoints: [endpointAt(service, 'x.example.com')] });
    expect(translate(snapshot, sidecarContext(), createMemo()).warnings).toEqual([
      expect.stringMatching(/x\.example\.com is a name/),
    ]);
    expect(warnings(sidecarContext(), { ...wildcard, resolution: 'DNS' })).toEqual([
      expect.stringMatching(/wildcard host is no name/),
    ]);
  });

  it('are none for a mesh that is served as written', () => {
    expect(warnings(sidecarContext(), httpService('a'))).toEqual([]);
  });
});
