// One service on every platform: names by rule, and what comes along with each instance, in one registry.
import { describe, expect, it } from 'vitest';
import { MemoryLog } from '../events/logs/memory.ts';
import type { ConfigResource, Endpoint } from '../events/model.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import type { Observed } from './adapter.ts';
import { snapshotOf } from './adapter-contract.ts';
import type { ConsulEntry } from './consul/consul-types.ts';
import { translateEntries } from './consul/translate.ts';
import { translateContainers } from './docker/translate.ts';
import { translateInstances } from './nomad/translate.ts';
import { AdapterRunner } from './runner.ts';

const sameRule = 'NAME.NS.svc.cluster.local';
const consulEntry = (Meta: Readonly<Record<string, string>>, Status = 'passing'): ConsulEntry => ({
  Node: { Node: 'n1', Address: '10.0.0.1', Datacenter: 'dc1' },
  Service: { ID: 'web-1', Service: 'web', Address: '', Port: 8080, Tags: ['http'], Meta, Weights: { Passing: 5 } },
  Checks: [{ CheckID: 'c', Status }],
});
const meta = { region: 'eu', zone: 'a', network: 'east', 'service-account': 'web-sa', version: 'v1' };

const consul = (hostname?: string, status?: string) =>
  translateEntries([consulEntry(meta, status)], hostname === undefined ? undefined : { hostname }).items;
const nomad = (hostname?: string, status = 'running') =>
  translateInstances(
    [
      {
        registration: {
          ...{ ID: 'r1', ServiceName: 'web', Namespace: 'default', JobID: 'shop', AllocID: 'a1' },
          ...{ Tags: ['http', 'weight=5'], Address: '10.0.0.2', Port: 8080 },
        },
        allocation: { ID: 'a1', ClientStatus: status },
        checks: undefined,
        meta,
      },
    ],
    hostname === undefined ? {} : { hostname },
  ).items;
const docker = (hostname?: string, state = 'running') =>
  translateContainers(
    [
      {
        ...{ Id: 'c1', Names: ['/web-1'], State: state, Status: 'Up', Created: 1 },
        Labels: {
          ...{ 'periplus.io/service': 'web', 'periplus.io/port.http': '8080', 'periplus.io/weight': '5' },
          ...{ 'periplus.io/locality': 'eu/a', 'periplus.io/service-account': 'web-sa', 'periplus.io/version': 'v1' },
        },
        NetworkSettings: { Networks: { east: { IPAddress: '10.0.0.3' } } },
      },
    ],
    hostname === undefined ? {} : { mapping: { hostname } },
  ).items;

async function say(log: MemoryLog, platform: string, items: readonly Observed[]): Promise<void> {
  const adapter = {
    ...{ platform, instance: 'default' },
    run: (sink: { replace: (scope: string, items: readonly Observed[]) => Promise<void> }) =>
      sink.replace('all', items),
  };
  const runner = new AdapterRunner({ adapter, log, clock: systemClock, logger: silentLogger });
  await runner.run(new AbortController().signal);
}

async function registryOf(shown: Readonly<Record<string, readonly Observed[]>>) {
  const log = new MemoryLog();
  for (const [platform, items] of Object.entries(shown)) await say(log, platform, items);
  return (await snapshotOf(log)).registry;
}

describe('the canonical model', () => {
  it.each([
    ['Consul', consul(), 'web.service.consul'],
    ['Nomad', nomad(), 'web.default.svc.cluster.local'],
    ['Docker', docker(), 'web.default.svc.cluster.local'],
    ['Consul by rule', consul(sameRule), 'web.default.svc.cluster.local'],
    ['Nomad by rule', nomad('NAME.nomad'), 'web.nomad'],
    ['Docker by rule', docker('NAME.docker'), 'web.docker'],
  ] as const)('names the service of %s', (_, items, hostname) => {
    expect(items.map(({ value }) => 'hostname' in value && value.hostname).filter(Boolean)).toEqual([
      hostname,
      hostname,
    ]);
  });

  it('makes one service of what has one name, with all that is known of each instance', async () => {
    const registry = await registryOf({ consul: consul(sameRule), nomad: nomad(), docker: docker() });
    expect([...registry.services.keys()]).toEqual(['default/web.default.svc.cluster.local']);
    const endpoints = registry.endpoints('default/web.default.svc.cluster.local');
    expect(endpoints.map(({ platform }) => platform).sort()).toEqual(['consul', 'docker', 'nomad']);
    const common = { locality: 'eu/a', network: 'east', health: 'healthy', weight: 5, serviceAccount: 'web-sa' };
    for (const endpoint of endpoints) {
      const labels = { app: 'web', version: 'v1' };
      expect(endpoint, endpoint.platform).toMatchObject({ ...common, ports: { http: 8080 }, labels });
    }
  });

  it('keeps the health of each platform’s own instance', async () => {
    const shown = { consul: consul(sameRule, 'critical'), nomad: nomad(), docker: docker(undefined, 'paused') };
    const registry = await registryOf(shown);
    const health = registry
      .endpoints('default/web.default.svc.cluster.local')
      .map(({ platform, health: own }) => `${platform} ${own}`);
    expect(health.sort()).toEqual(['consul unhealthy', 'docker unhealthy', 'nomad healthy']);
  });

  it.each([
    ['Docker', 'docker', docker()],
    ['Consul', 'consul', consul(sameRule)],
    ['Nomad', 'nomad', nomad()],
  ] as const)(
    'has other names by ServiceEntry, whose selector finds the workloads of %s',
    async (_, platform, items) => {
      const value: ConfigResource = {
        ...{ apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry', namespace: 'default', name: 'alias' },
        spec: {
          ...{ hosts: ['web.example.com'], ports: [{ number: 80, name: 'http', protocol: 'HTTP', targetPort: 9 }] },
          ...{ resolution: 'STATIC', location: 'MESH_INTERNAL', workloadSelector: { labels: { app: 'web' } } },
        },
      };
      const registry = await registryOf({ [platform]: items, files: [{ kind: 'config', value }] });
      const [own] = registry.endpoints([...registry.services.keys()].find((key) => !key.endsWith('.com')) ?? '');
      const { address, health, labels } = own as Endpoint;
      expect(registry.endpoints('default/web.example.com')).toMatchObject([
        // The instance's own port of that name, not the entry's.
        { address, health, labels, ports: { http: 8080 }, locality: 'eu/a', network: 'east', serviceAccount: 'web-sa' },
      ]);
    },
  );
});
