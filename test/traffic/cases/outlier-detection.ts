// DestinationRule: outlierDetection, who is ejected and for how long.
import assert from 'node:assert/strict';
import type { TrafficPolicy } from '../../../mesh/config/schemas/destination-rule.ts';
import type { TrafficCase } from '../case.ts';
import { ejection } from '../expectations.ts';
import { afterErrors, fail, fast, noRetries, remaining } from '../outliers.ts';
import { destinationRule, type Manifest, serviceEntry, virtualService } from '../resources.ts';

const outlier = 'DestinationRule.trafficPolicy.outlierDetection';

function echo(trafficPolicy: TrafficPolicy): () => Manifest[] {
  return () => [destinationRule('echo', { host: 'echo', trafficPolicy })];
}

/** See the file's first line. */
export const outlierDetectionCases: readonly TrafficCase[] = [
  {
    name: 'outlierDetection.consecutive5xxErrors: so many eject, one fewer does not',
    proves: [`${outlier}.consecutive5xxErrors`],
    resources: () => [noRetries(), ...echo({ outlierDetection: { consecutive5xxErrors: 3, ...fast } })()],
    run: async (mesh) => {
      await fail(mesh, { times: 3, status: '500', only: 'e1' });
      await fail(mesh, { times: 2, status: '500', only: 'e2' });
      assert.deepEqual(await remaining(mesh), ['e2', 'e3']);
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
      await fail(mesh, { times: 4, status: '500', only: 'e2' });
      await fail(mesh, { times: 2, status: '502', only: 'e1' });
      assert.deepEqual(await remaining(mesh), ['e2', 'e3']);
    },
  },
  {
    name: 'outlierDetection.outlierDetectionHttpErrorCodes: these are errors, others are not',
    proves: [`${outlier}.outlierDetectionHttpErrorCodes`],
    resources: () => [
      noRetries(),
      ...echo({ outlierDetection: { consecutive5xxErrors: 2, outlierDetectionHttpErrorCodes: [404, 429], ...fast } })(),
    ],
    run: async (mesh) => {
      await fail(mesh, { times: 4, status: '500', only: 'e2' });
      await fail(mesh, { times: 1, status: '404', only: 'e1' });
      await fail(mesh, { times: 1, status: '429', only: 'e1' });
      assert.deepEqual(await remaining(mesh), ['e2', 'e3']);
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
