// Hand-written decoding against protobuf's own, for valid, odd and broken requests.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../../gen/envoy/service/discovery/v3/discovery_pb.js';
import { typeUrls } from '../translate/translation.ts';
import { NameInterner, NameSet, noNames } from './name-set.ts';
import { decodeDeltaRequest, decodeSotwRequest } from './request-codec.ts';
import { encodeResponse } from './response-codec.ts';
import { resource } from './xds-fixture.ts';

const context = () => ({ interner: new NameInterner(), subscribed: [] });
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const node = fc.record({ id: text, cluster: text });
const errorDetail = fc.record({ code: fc.nat(20), message: text });

describe('decodeSotwRequest', () => {
  it('reads what protobuf writes', () => {
    const requests = fc.record({
      versionInfo: text,
      typeUrl: text,
      responseNonce: text,
      resourceNames: fc.array(text, { maxLength: 30 }),
      node,
      errorDetail,
    });
    fc.assert(
      fc.property(requests, (init) => {
        const decoded = decodeSotwRequest(
          toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, init)),
          context(),
        );
        expect(decoded).toMatchObject({
          version: init.versionInfo,
          typeUrl: init.typeUrl,
          nonce: init.responseNonce,
          error: init.errorDetail,
          node: init.node,
        });
        expect([...(decoded?.names.names ?? [])]).toEqual([...new Set(init.resourceNames)]);
      }),
    );
  });

  it('takes names that are not side by side, and the last of a repeated field', () => {
    const [a, b] = ['a', 'b'].map((name) =>
      toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { resourceNames: [name], typeUrl: name })),
    );
    const decoded = decodeSotwRequest(Buffer.concat([a ?? [], b ?? []].map((part) => Buffer.from(part))), context());
    expect([...(decoded?.names.names ?? [])]).toEqual(['a', 'b']);
    expect(decoded?.typeUrl).toBe('b');
  });

  it('gives the same set for the same names, from the previous request or from another stream', () => {
    const interner = new NameInterner();
    const bytes = toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { resourceNames: ['a', 'b'] }));
    const first = decodeSotwRequest(bytes, { interner, subscribed: [] });
    expect(decodeSotwRequest(bytes, { interner, subscribed: [] })?.names).toBe(first?.names);
    expect(
      decodeSotwRequest(bytes, { interner: new NameInterner(), subscribed: first ? [first.names] : [] })?.names,
    ).toBe(first?.names);
  });

  it('tells a list from one that begins with it', () => {
    const interner = new NameInterner();
    const bytesOf = (...resourceNames: string[]) =>
      toBinary(
        DiscoveryRequestSchema,
        create(DiscoveryRequestSchema, { versionInfo: 'v', resourceNames, typeUrl: 't', responseNonce: 'n' }),
      );
    const two = decodeSotwRequest(bytesOf('a', 'b'), { interner, subscribed: [] });
    const subscribed = two ? [two.names] : [];
    for (const names of [['a', 'b'], ['a', 'b', 'c'], ['a'], ['b', 'a'], ['a', 'c'], []]) {
      const decoded = decodeSotwRequest(bytesOf(...names), { interner, subscribed });
      expect([...(decoded?.names.names ?? [])]).toEqual(names);
      expect([decoded?.typeUrl, decoded?.nonce]).toEqual(['t', 'n']);
    }
  });

  it('never throws on junk', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeSotwRequest(bytes, context());
        decodeDeltaRequest(bytes, context());
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses what was cut off within a field', () => {
    const init = { node: { id: 'n' }, typeUrl: 't', resourceNames: ['abc'] };
    const bytes = toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, init));
    expect(decodeSotwRequest(bytes.subarray(0, bytes.length - 1), context())).toBeUndefined();
    expect(decodeSotwRequest(bytes, context())).toBeDefined();
  });
});

describe('decodeDeltaRequest', () => {
  it('reads what protobuf writes', () => {
    const names = fc.array(text, { maxLength: 10 });
    const requests = fc.record({
      typeUrl: text,
      responseNonce: text,
      resourceNamesSubscribe: names,
      resourceNamesUnsubscribe: names,
      initialResourceVersions: fc.dictionary(text, text, { maxKeys: 10 }),
      errorDetail,
    });
    fc.assert(
      fc.property(requests, (init) => {
        const decoded = decodeDeltaRequest(
          toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, init)),
          context(),
        );
        expect(decoded).toMatchObject({
          typeUrl: init.typeUrl,
          nonce: init.responseNonce,
          error: init.errorDetail,
          node: undefined,
        });
        expect([...(decoded?.subscribe.names ?? [])]).toEqual([...new Set(init.resourceNamesSubscribe)]);
        expect([...(decoded?.unsubscribe.names ?? [])]).toEqual([...new Set(init.resourceNamesUnsubscribe)]);
        expect(decoded?.initialVersions).toEqual(new Map(Object.entries(init.initialResourceVersions)));
      }),
    );
  });
});

describe('encodeResponse', () => {
  const resources = [resource(typeUrls.cluster, 'a', 'x'.repeat(300)), resource(typeUrls.cluster, 'b')];
  const options = { nonce: 'n', controlPlane: 'pilot-1' };

  it('writes a DiscoveryResponse', () => {
    const bytes = encodeResponse(
      { protocol: 'sotw', typeUrl: typeUrls.cluster, version: 'v', resources, removed: [] },
      options,
    );
    const message = fromBinary(DiscoveryResponseSchema, bytes);
    expect(message).toMatchObject({
      versionInfo: 'v',
      typeUrl: typeUrls.cluster,
      nonce: 'n',
      controlPlane: { identifier: 'pilot-1' },
    });
    expect(message.resources.map(({ typeUrl, value }) => [typeUrl, value.length])).toEqual([
      [typeUrls.cluster, 300],
      [typeUrls.cluster, 2],
    ]);
    expect(message.$unknown).toBeUndefined();
  });

  it('writes a DeltaDiscoveryResponse', () => {
    const bytes = encodeResponse(
      { protocol: 'delta', typeUrl: typeUrls.cluster, version: '7', resources, removed: ['c', ''] },
      options,
    );
    const message = fromBinary(DeltaDiscoveryResponseSchema, bytes);
    expect(message).toMatchObject({
      systemVersionInfo: '7',
      nonce: 'n',
      removedResources: ['c', ''],
      controlPlane: { identifier: 'pilot-1' },
    });
    expect(message.resources.map(({ name, version }) => [name, version])).toEqual(
      resources.map(({ name, version }) => [name, version]),
    );
    expect(message.$unknown).toBeUndefined();
  });
});

describe('NameSet', () => {
  it('gives the same union and difference for the same operands', () => {
    const [a, b] = [new NameSet(['x', 'y']), new NameSet(['y', 'z'])];
    expect(a.union(b)).toBe(a.union(b));
    expect([...a.union(b).names]).toEqual(['x', 'y', 'z']);
    expect([...a.without(b).names]).toEqual(['x']);
    expect(a.union(noNames)).toBe(a);
    expect(a.without(new NameSet(['q']))).toBe(a);
  });

  it('forgets old lists beyond its bound', () => {
    const interner = new NameInterner({ maxBytes: 100 });
    const raw = (n: number) => Buffer.alloc(60, n);
    const first = interner.intern(raw(1), () => ['a']);
    expect(interner.intern(raw(1), () => ['a'])).toBe(first);
    interner.intern(raw(2), () => ['b']);
    expect(interner.intern(raw(1), () => ['a'])).not.toBe(first);
  });
});
