// Values of Istio's annotations that its injector takes, and that it refuses.
import { expect, it } from 'vitest';
import { annotationProblem } from './annotation-values.ts';

const traffic = 'traffic.sidecar.istio.io';
const cases: readonly (readonly [name: string, taken: readonly string[], refused: readonly string[]])[] = [
  ['sidecar.istio.io/interceptionMode', ['REDIRECT', 'TPROXY', 'NONE'], ['', 'redirect', 'TPROXY,NONE']],
  ['status.sidecar.istio.io/port', ['0', '15021', ' 80 '], ['', 'http', '-1', '65536', '80,81']],
  ['readiness.status.sidecar.istio.io/periodSeconds', ['0', '4294967295'], ['', ' 1', '1s', '4294967296', '-1']],
  [
    `${traffic}/includeOutboundIPRanges`,
    ['', '*', '10.0.0.0/8', '10.1.2.3/8,fd00::/8'],
    ['10.0.0.1', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/8, 11.0.0.0/8', '*,10.0.0.0/8'],
  ],
  [`${traffic}/excludeOutboundIPRanges`, ['', '10.0.0.0/8'], ['*', 'all']],
  [`${traffic}/includeInboundPorts`, ['', '*', '80, 8080'], ['80,', 'http', '80;81', '99999']],
  [`${traffic}/excludeInboundPorts`, ['', '80'], ['*', '80-90']],
  [`${traffic}/excludeOutboundPorts`, ['80,81'], ['*', 'x']],
  [`${traffic}/excludeInterfaces`, ['', 'eth0, br-1'], ['0eth', 'eth0,', 'a-name-that-is-long']],
  ['prometheus.istio.io/merge-metrics', ['true', 'F', '1'], ['', 'yes', 'tRUE']],
  ['sidecar.istio.io/proxyCPU', ['100m', '2', '0.5', '1e3'], ['', 'a lot', '1 m', '100\n']],
  ['sidecar.istio.io/proxyMemoryLimit', ['128Mi', '1G', '1E'], ['128MB', 'Mi', '1ki']],
];

it.each(cases)('%s', (name, taken, refused) => {
  expect(taken.filter((value) => annotationProblem(name, value) !== undefined)).toEqual([]);
  expect(refused.filter((value) => annotationProblem(name, value) === undefined)).toEqual([]);
});

it('says nothing of annotations with any value', () => {
  expect(annotationProblem('sidecar.istio.io/logLevel', 'x')).toBeUndefined();
});
