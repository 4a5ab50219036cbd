// Properties of routes and listeners over random VirtualServices and Gateways.
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RouteConfigurationSchema } from '../../../../gen/envoy/config/route/v3/route_pb.js';
import type { Snapshot } from '../../../../mesh/snapshot.ts';
import { builderOf, factsOf, record } from '../../../../mesh/snapshot-fixture.ts';
import { proxyScope } from '../compute-proxy-scope.ts';
import { sidecarContext } from '../context-fixture.ts';
import { buildListeners } from '../listeners/build.ts';
import { createMemo, type Memo } from '../memo.ts';
import type { ProxyContext } from '../proxy-context.ts';
import { buildRoutes } from './build.ts';
import { services, trafficConfig } from './traffic-fixture.ts';

const contexts = fc.constantFrom(
  sidecarContext({ labels: { app: 'client' } }),
  sidecarContext({ interceptionMode: 'NONE', httpProxyPort: 3129 }),
  sidecarContext({ type: 'router', labels: { istio: 'gw' } }),
  sidecarContext({ generator: 'grpc' }),
);

/** Names and content hashes of everything that a proxy is given. */
function built(snapshot: Snapshot, context: ProxyContext, memo: Memo): string[] {
  const scope = proxyScope(snapshot, context, memo);
  const all = [...buildListeners(scope, memo).values(), ...buildRoutes(scope, memo).values()];
  return all.map(({ name, version }) => `${name} ${version}`).sort();
}

describe('routes and listeners of any mesh', () => {
  it('are the same bytes from nothing and step by step, for proxies that share a memo and for one alone', () => {
    fc.assert(
      fc.property(services, trafficConfig, contexts, (list, config, context) => {
        const expected = built(builderOf({ services: list, config }).snapshot(), context, createMemo());
        const builder = builderOf({ services: list });
        const memo = createMemo();
        for (const event of record(factsOf({ config }), builder.position + 1)) {
          builder.apply(event);
          built(builder.snapshot(), sidecarContext({ labels: { app: 'other' } }), memo);
          built(builder.snapshot(), context, memo);
        }
        expect(built(builder.snapshot(), context, memo)).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  it('name no virtual host or domain twice in a route configuration', () => {
    fc.assert(
      fc.property(services, trafficConfig, contexts, (list, config, context) => {
        const memo = createMemo();
        const scope = proxyScope(builderOf({ services: list, config }).snapshot(), context, memo);
        for (const { bytes } of buildRoutes(scope, memo).values()) {
          const { virtualHosts } = fromBinary(RouteConfigurationSchema, bytes);
          const names = virtualHosts.map(({ name }) => name);
          const domains = virtualHosts.flatMap((host) => host.domains);
          expect(new Set(names).size).toBe(names.length);
          expect(new Set(domains).size).toBe(domains.length);
        }
      }),
      { numRuns: 200 },
    );
  }, 60_000);
});
