// DestinationRule settings that take seconds to show: warm-up and the end of an ejection, at every level of a policy at once.
import assert from 'node:assert/strict';
import type { LoadBalancerSettings, TrafficPolicy } from '../../../mesh/config/schemas/destination-rule.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, InstanceName, Place, TrafficCase } from '../case.ts';
import { ejection } from '../expectations.ts';
import { fail, fast } from '../outliers.ts';
import { atLevel, levelNames, rulePorts } from '../policy-levels.ts';
import { destinationRule, type Manifest, meshConfig, serviceEntry } from '../resources.ts';

/** A service of its own for a check at a level. */
const hostOf = (check: string, level: string) => `${check}-${levelNames.indexOf(level)}.example.com`;

function service(host: string, { ports, instances }: Place, names: readonly InstanceName[]): Manifest {
  return serviceEntry(host.replaceAll('.', '-'), {
    hosts: [host],
    ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
    resolution: 'STATIC',
    endpoints: names.map((name) => ({ address: instances[name].address, ports: { http: instances[name].port } })),
  });
}

function atEveryLevel(check: string, trafficPolicy: TrafficPolicy, place: Place): Manifest[] {
  return levelNames.flatMap((level) => {
    const host = hostOf(check, level);
    const rule = destinationRule(host.replaceAll('.', '-'), { host, trafficPolicy });
    return atLevel(level, [service(host, place, ['e1', 'e2']), rule], rulePorts(place));
  });
}

const proved = (...fields: readonly string[]) =>
  levelNames.flatMap((level) => fields.map((field) => `DestinationRule.${level}.${field}`));

/** Warm-ups of ten seconds, and what share of the requests a third instance then has of them while it is new. */
const warmups: Readonly<
  Record<string, { readonly settings: LoadBalancerSettings; readonly least: number; readonly most: number }>
> = {
  duration: { settings: { warmup: { duration: '10s' } }, least: 0, most: 0.23 },
  old: { settings: { warmupDurationSecs: '10s' }, least: 0, most: 0.23 },
  // A third of the requests at once.
  minimum: { settings: { warmup: { duration: '10s', minimumPercent: 100 } }, least: 0.3, most: 0.36 },
  // The tenth root of the time that has passed: most of its share within a tenth of a second.
  aggression: { settings: { warmup: { duration: '10s', aggression: 10 } }, least: 0.24, most: 0.36 },
};
/** Long enough for the first instances to be well ahead of the third. */
const headStartMs = 3_000;

const ending = { consecutive5xxErrors: 1, ...fast, baseEjectionTime: '2500ms' };
const awayByDefault = 'away-mesh.example.com';

async function shareOfNewest(mesh: CaseMesh, host: string): Promise<number> {
  const seen = await mesh.tally(100, '/', { host });
  return (seen.e3 ?? 0) / 100;
}

/** See the file's first line. */
export const gradualCases: readonly TrafficCase[] = [
  {
    name: 'loadBalancer.warmup: a new instance gets its share slowly',
    proves: proved(
      'loadBalancer.warmup.duration',
      'loadBalancer.warmup.minimumPercent',
      'loadBalancer.warmup.aggression',
      'loadBalancer.warmupDurationSecs',
    ),
    resources: (place) =>
      Object.entries(warmups).flatMap(([check, { settings }]) =>
        atEveryLevel(check, { loadBalancer: { simple: 'ROUND_ROBIN', ...settings } }, place),
      ),
    later: (place) =>
      Object.keys(warmups).flatMap((check) =>
        levelNames.map((level) => service(hostOf(check, level), place, ['e1', 'e2', 'e3'])),
      ),
    run: async (mesh, later) => {
      await new Promise((resolve) => setTimeout(resolve, headStartMs));
      await mesh.apply(...later);
      const shares = await Promise.all(
        Object.entries(warmups).flatMap(([check, { least, most }]) =>
          levelNames.map(async (level) => {
            const share = await shareOfNewest(mesh, hostOf(check, level));
            return { check, level, share, isRight: share >= least && share <= most };
          }),
        ),
      );
      assert.deepEqual(
        shares.filter(({ isRight }) => !isRight),
        [],
      );
    },
  },
  {
    name: 'outlierDetection.baseEjectionTime ends, as soon as the next interval',
    proves: [
      ...proved('outlierDetection.baseEjectionTime', 'outlierDetection.interval'),
      'MeshConfig.defaultTrafficPolicy.outlierDetection.baseEjectionTime',
      'MeshConfig.defaultTrafficPolicy.outlierDetection.interval',
    ],
    resources: (place) => [
      ...atEveryLevel('away', { outlierDetection: ending }, place),
      // And where no rule says anything, the mesh's default.
      service(awayByDefault, place, ['e1', 'e2']),
      meshConfig({ defaultTrafficPolicy: { outlierDetection: ending } }),
    ],
    run: async (mesh) => {
      const hosts = [...levelNames.map((level) => hostOf('away', level)), awayByDefault];
      const instancesOf = (host: string) => mesh.tally(20, '/', { host }).then((seen) => Object.keys(seen).sort());
      // 501 is nothing that is tried again.
      await Promise.all(hosts.map((host) => fail(mesh, { times: 1, status: '501', host })));
      await ejection();
      assert.deepEqual(
        await Promise.all(hosts.map(instancesOf)),
        hosts.map(() => ['e2']),
      );
      // Istio's and Envoy's defaults are 30 s, looked at every 10 s.
      await waitFor(async () => (await Promise.all(hosts.map(instancesOf))).every(({ length }) => length === 2), {
        what: 'e1 to come back everywhere',
        limitMs: 8_000,
      });
    },
  },
];
