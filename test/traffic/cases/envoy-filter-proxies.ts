// EnvoyFilter: which proxies are patched: by labels, by version and metadata, by the Gateway that they are of.
import assert from 'node:assert/strict';
import type { TrafficCase } from '../case.ts';
import { envoyFilter, virtualService } from '../resources.ts';

const match = 'EnvoyFilter.configPatches.match';
type Patch = NonNullable<Parameters<typeof envoyFilter>[1]['configPatches']>[number];

/** A response header where the patch is taken. */
const virtualHosts = (where: Patch['match'], key: string): Patch => ({
  applyTo: 'VIRTUAL_HOST',
  ...(where && { match: where }),
  patch: { operation: 'MERGE', value: { response_headers_to_add: [{ header: { key, value: 'seen' } }] } },
});

/** See the file's first line. */
export const envoyFilterProxyCases: readonly TrafficCase[] = [
  {
    name: 'workloadSelector: other workloads are left alone',
    proves: ['EnvoyFilter.workloadSelector.labels'],
    resources: () => {
      const any = (key: string) => virtualHosts({ context: 'SIDECAR_OUTBOUND' }, key);
      return [
        envoyFilter('ours', { workloadSelector: { labels: { app: 'client' } }, configPatches: [any('x-ours')] }),
        envoyFilter('theirs', { workloadSelector: { labels: { app: 'other' } }, configPatches: [any('x-theirs')] }),
      ];
    },
    run: async (mesh) => {
      const { headers } = await mesh.get('/');
      assert.deepEqual([headers['x-ours'], headers['x-theirs']], ['seen', undefined]);
    },
  },
  {
    name: 'match.proxy: version and metadata',
    proves: [`${match}.proxy.proxyVersion`, `${match}.proxy.metadata`],
    resources: () => {
      const of = (proxy: NonNullable<Patch['match']>['proxy'], key: string) =>
        virtualHosts({ context: 'SIDECAR_OUTBOUND', ...(proxy && { proxy }) }, key);
      return [
        envoyFilter('proxies', {
          configPatches: [
            of({ proxyVersion: '^1\\.28.*' }, 'x-version'),
            of({ proxyVersion: '^1\\.1\\..*' }, 'x-other-version'),
            of({ metadata: { TEAM: 'blue' } }, 'x-team'),
            of({ metadata: { TEAM: 'red' } }, 'x-other-team'),
          ],
        }),
      ];
    },
    run: async (mesh) => {
      const { headers } = await mesh.get('/');
      assert.deepEqual([headers['x-version'], headers['x-team']], ['seen', 'seen']);
      assert.deepEqual([headers['x-other-version'], headers['x-other-team']], [undefined, undefined]);
    },
  },
  {
    name: 'targetRefs: the proxies of one Gateway of the Gateway API, by their label',
    proves: ['group', 'kind', 'name'].map((field) => `EnvoyFilter.targetRefs.${field}`),
    resources: () => {
      const named = (name: string) =>
        envoyFilter(
          name,
          {
            targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name }],
            configPatches: [
              {
                applyTo: 'VIRTUAL_HOST',
                match: { context: 'GATEWAY' },
                patch: {
                  operation: 'MERGE',
                  value: { response_headers_to_add: [{ header: { key: `x-${name}`, value: 'seen' } }] },
                },
              },
            ],
          },
          { namespace: 'istio-system' },
        );
      return [
        named('edge'),
        named('another'),
        virtualService('web', {
          hosts: ['web.example.com'],
          gateways: ['base'],
          http: [{ directResponse: { status: 218 } }],
        }),
      ];
    },
    run: async (mesh) => {
      const { status, headers } = await mesh.ingress('/');
      assert.deepEqual([status, headers['x-edge'], headers['x-another']], [218, 'seen', undefined]);
    },
  },
];
