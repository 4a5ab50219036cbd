// DestinationRule: outlierDetection, who is ejected and for how long.
import assert from 'node:assert/strict';
import type { TrafficPolicy } from '../../../mesh/config/schemas/destination-rule.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { TrafficCase } from '../case.ts';
import { ejection } from '../expectations.ts';
import { afterErrors, fast, noRetries } from '../outliers.ts';
import { destinationRule, type Manifest, serviceEntry, virtualService } from '../resources.ts';

const outlier = 'DestinationRule.trafficPolicy.outlierDetection';

function echo(trafficPolicy: TrafficPolicy): () => Manifest[] {
  return () => [destinationRule('echo', { host: 'echo', trafficPolicy })];
}

/** See the file's first line. */
export const outlierDetectionCases: readonly TrafficCase[] = [
  {
    name: 'outlierDetection.consecutive5xxErrors',
    proves: [`${outlier}.consecutive5xxErrors`],
    resources: () => [noRetries(), ...echo({ outlierDetection: { consecutive5xxErrors: 3, ...fast } })()],
    run: async (mesh) => {
      assert.deepEqual(await afterErrors(mesh, 3, '500'), ['e2', 'e3']);
    },
  },
  {
    name: 'outlierDetection: one error fewer ejects nobody',
    proves: [`${outlier}.consecutive5xxErrors`],
    resources: () => [noRetries(), ...echo({ outlierDetection: { consecutive5xxErrors: 3, ...fast } })()],
    run: async (mesh) => {
      assert.deepEqual(await afterErrors(mesh, 2, '500'), ['e1', 'e2', 'e3']);
    },
  },
  {
    name: 'outlierDetection.consecutiveGatewayErrors counts 502 to 504 only',
    proves: [`${outlier}.consecutiveGatewayErrors`],
    resources: () => [
      noRetries(),
      ...echo({ outlierDetection: { consecutiveGatewayErrors: 2, consecutive5xxErrors: 0, ...fast } })(),
    ],
    run: async (mesh) => {
      assert.deepEqual(await afterErrors(mesh, 4, '500'), ['e1', 'e2', 'e3']);
      assert.deepEqual(await afterErrors(mesh, 2, '502'), ['e2', 'e3']);
    },
  },
  {
    name: 'outlierDetection.baseEjectionTime ends',
    proves: [`${outlier}.baseEjectionTime`, `${outlier}.interval`],
    resources: () => [
      noRetries(),
      ...echo({ outlierDetection: { consecutive5xxErrors: 1, ...fast, baseEjectionTime: '2500ms' } })(),
    ],
    run: async (mesh) => {
      assert.deepEqual(await afterErrors(mesh, 1, '500'), ['e2', 'e3']);
      await waitFor(async () => Object.keys(await mesh.tally(20, '/')).length === 3, {
        what: 'e1 to come back',
        limitMs: 5_000,
      });
    },
  },
  {
    name: 'outlierDetection.maxEjectionPercent leaves the others',
    proves: [`${outlier}.maxEjectionPercent`],
    resources: () => [
      noRetries(),
      ...echo({ outlierDetection: { consecutive5xxErrors: 1, ...fast, maxEjectionPercent: 70 } })(),
    ],
    run: async (mesh) => {
      for (const only of ['e1', 'e2', 'e3']) {
        for (let i = 0; i < 20; i++) await mesh.get('/', { headers: { 'x-only': only, 'x-status': '500' } });
      }
      await ejection();
      // Envoy's own 10 % would eject one only.
      assert.equal(Object.keys(await mesh.tally(60, '/')).length, 1);
    },
  },
  {
    name: 'outlierDetection.minHealthPercent: with too few healthy ones, all are used again',
    proves: [`${outlier}.minHealthPercent`],
    resources: () => [
      noRetries(),
      ...echo({ outlierDetection: { consecutive5xxErrors: 1, ...fast, minHealthPercent: 80 } })(),
    ],
    run: async (mesh) => {
      assert.deepEqual(await afterErrors(mesh, 1, '500'), ['e1', 'e2', 'e3']);
    },
  },
  {
    name: 'outlierDetection.splitExternalLocalOriginErrors and consecutiveLocalOriginFailures',
    proves: [`${outlier}.splitExternalLocalOriginErrors`, `${outlier}.consecutiveLocalOriginFailures`],
    resources: ({ ports, instances: { e1 } }) => [
      serviceEntry('half', {
        hosts: ['half.example.com'],
        ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
        resolution: 'STATIC',
        endpoints: [
          { address: e1.address, ports: { http: e1.port } },
          { address: '127.66.0.99', ports: { http: 1 } },
        ],
      }),
      destinationRule('half', {
        host: 'half.example.com',
        trafficPolicy: {
          outlierDetection: {
            splitExternalLocalOriginErrors: true,
            consecutiveLocalOriginFailures: 2,
            consecutive5xxErrors: 0,
            ...fast,
          },
        },
      }),
      virtualService('half', {
        hosts: ['half.example.com'],
        http: [{ retries: { attempts: 0 }, route: [{ destination: { host: 'half.example.com' } }] }],
      }),
    ],
    run: async (mesh) => {
      const half = { host: 'half.example.com' };
      await mesh.tally(40, '/', half);
      await ejection();
      assert.deepEqual(await mesh.tally(40, '/', half), { e1: 40 });
      await mesh.tally(10, '/', { ...half, headers: { 'x-status': '500' } });
      assert.deepEqual(await mesh.tally(20, '/', half), { e1: 20 }, 'errors of the application do not count');
    },
  },
];
