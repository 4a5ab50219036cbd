import { describe, expect, it } from 'vitest';
import type { Endpoint, Service, Workload } from '../../events/model.ts';
import { NomadState } from './nomad-state.ts';
import type { NomadAllocation, NomadEvent, NomadRegistration } from './nomad-types.ts';
import { type NomadInstance, type NomadRules, translateInstances } from './translate.ts';

const registration = (more: Partial<NomadRegistration> = {}): NomadRegistration => ({
  ...{ ID: 'r1', ServiceName: 'Web', Namespace: 'default', Datacenter: 'dc1', JobID: 'shop', AllocID: 'a1' },
  ...{ Tags: [], Address: '10.0.0.1', Port: 23_456, CreateIndex: 5, ModifyIndex: 5, ...more },
});
const instance = (
  more: Partial<NomadRegistration> = {},
  { allocation, checks, meta = {} }: Partial<NomadInstance> = {},
): NomadInstance => ({ registration: registration(more), allocation, checks, meta });

function shown(instances: readonly NomadInstance[], rules?: NomadRules) {
  const { items, problem } = translateInstances(instances, rules);
  const of = <T>(kind: string) => items.flatMap((item) => (item.kind === kind ? [item.value as T] : []));
  const workloads = of<Workload>('workload');
  return { services: of<Service>('service'), endpoints: of<Endpoint>('endpoint'), workloads, problem };
}

describe('an instance of Nomad', () => {
  it('is an endpoint and a workload with its job’s identity, its datacenter and its own port', () => {
    const { services, endpoints, workloads } = shown([instance()], { region: 'eu' });
    expect(services).toMatchObject([
      { hostname: 'web.default.svc.cluster.local', namespace: 'default', platform: 'nomad', clusterId: 'eu' },
    ]);
    expect(endpoints).toMatchObject([
      {
        ...{ id: 'r1', address: '10.0.0.1', ports: { default: 23_456 }, locality: 'eu/dc1', serviceAccount: 'shop' },
        ...{ workload: 'r1', health: 'healthy', clusterId: 'eu' },
      },
    ]);
    const own = { labels: { app: 'Web' }, serviceAccount: 'shop', locality: 'eu/dc1', clusterId: 'eu' };
    expect(workloads).toMatchObject([{ name: 'r1', addresses: ['10.0.0.1'], ports: { default: 23_456 }, ...own }]);
  });

  it('is a workload of its own for each of its allocation’s services', () => {
    const both = [instance({ ID: 'r1' }), instance({ ID: 'r2', Port: 23_457 })];
    expect(shown(both).workloads.map(({ name, ports }) => [name, ports.default])).toEqual([
      ['r1', 23_456],
      ['r2', 23_457],
    ]);
  });

  it('has labels by tags over its job’s meta', () => {
    const Tags = ['version=v2', 'blue', 'team=red'];
    expect(shown([instance({ Tags }, { meta: { team: 'green', owner: 'anna' } })]).endpoints[0]?.labels).toEqual({
      ...{ app: 'Web', version: 'v2', blue: 'true', team: 'red', owner: 'anna' },
    });
  });

  it.each([
    ['one that Nomad chose', { Port: 23_456 }, 80],
    ['a static one', { Port: 6379 }, 6379],
    ['a declared one', { Tags: ['service-port=8080'] }, 8080],
  ])('with %s has the service’s port', (_, more, port) => {
    expect(shown([instance(more)]).services[0]?.ports).toMatchObject([{ port }]);
  });

  it.each([
    [['protocol=grpc', 'http'], 'GRPC', 'grpc'],
    [['port-name=http2-api'], 'HTTP2', 'http2-api'],
    [['blue', 'http'], 'HTTP', 'http'],
    [['blue'], 'Unsupported', 'default'],
  ] as const)('with the tags %j speaks %s', (Tags, protocol, name) => {
    expect(shown([instance({ Tags })]).services[0]?.ports).toMatchObject([{ name, protocol }]);
  });

  it.each<[Partial<NomadAllocation> | undefined, string]>([
    [undefined, 'healthy'],
    [{ ClientStatus: 'running', DesiredStatus: 'run', DeploymentStatus: null }, 'healthy'],
    [{ ClientStatus: 'running', DeploymentStatus: { Healthy: null } }, 'healthy'],
    [{ ClientStatus: 'running', DeploymentStatus: { Healthy: false } }, 'unhealthy'],
    [{ ClientStatus: 'pending' }, 'unhealthy'],
    [{ ClientStatus: 'unknown' }, 'unhealthy'],
    [{ ClientStatus: 'running', DesiredStatus: 'stop' }, 'draining'],
    [{ ClientStatus: 'running', DesiredTransition: { Migrate: true } }, 'draining'],
  ])('of the allocation %j is %s', (state, health) => {
    const allocation = state && { ID: 'a1', ...state };
    expect(shown([instance({}, { allocation })]).endpoints[0]?.health).toBe(health);
  });

  it('is unhealthy while a check of its own service fails', () => {
    const checks = (Service: string) => ({ c1: { Status: 'failure', Service } });
    expect(shown([instance({}, { checks: checks('Web') })]).endpoints[0]?.health).toBe('unhealthy');
    expect(shown([instance({}, { checks: checks('other') })]).endpoints[0]?.health).toBe('healthy');
  });
});

describe('what is known of Nomad', () => {
  const start = () =>
    new NomadState({ registrations: [registration()], allocations: [{ ID: 'a1', ModifyIndex: 5 }], jobs: [] });
  const scope = 'service/default/Web';
  const event = (Type: string, Index: number, Service = registration()): NomadEvent => ({
    ...{ Topic: 'Service', Type, Index, Payload: { Service } },
  });

  it('is not changed by events that are older: the stream begins in the past', () => {
    const state = start();
    expect(state.apply(event('ServiceDeregistration', 4)).scopes).toEqual([]);
    expect(state.apply(event('ServiceRegistration', 4, registration({ ModifyIndex: 4, Port: 1 }))).scopes).toEqual([]);
    const Allocation = { ID: 'a1', ModifyIndex: 4, ClientStatus: 'failed' };
    expect(state.apply({ Topic: 'Allocation', Type: 'AllocationUpdated', Payload: { Allocation } }).scopes).toEqual([]);
    expect(state.instances(scope)).toMatchObject([{ registration: { Port: 23_456 } }]);
  });

  it('says which services an event concerns', () => {
    const state = start();
    const Allocation = { ID: 'a1', ModifyIndex: 6, ClientStatus: 'failed' };
    expect(state.apply({ Topic: 'Allocation', Type: 'AllocationUpdated', Payload: { Allocation } }).scopes).toEqual([
      scope,
    ]);
    const Job = { ID: 'shop', Namespace: 'default', ModifyIndex: 7, Meta: { team: 'red' } };
    expect(state.apply({ Topic: 'Job', Type: 'JobRegistered', Payload: { Job } }).scopes).toEqual([scope]);
    expect(state.instances(scope)).toMatchObject([{ meta: { team: 'red' }, allocation: { ClientStatus: 'failed' } }]);
    expect(state.apply(event('ServiceDeregistration', 8))).toEqual({ scopes: [scope], takenOut: 'r1' });
    expect(state.scopes()).toEqual([]);
  });
});
