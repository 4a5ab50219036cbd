import { describe, expect, it } from 'vitest';
import type { Endpoint, Service, Workload } from '../../events/model.ts';
import type { DockerContainer } from './docker-types.ts';
import { type DockerRules, translateContainers } from './translate.ts';

function container(name: string, labels: Readonly<Record<string, string>>, more: Partial<DockerContainer> = {}) {
  const NetworkSettings = { Networks: { bridge: { IPAddress: '172.17.0.2' } } };
  const own = { Id: `id-of-${name}`, Names: [`/${name}`], State: 'running', Status: 'Up 3 minutes', Created: 1_000 };
  return { ...own, Labels: labels, NetworkSettings, ...more } satisfies DockerContainer;
}

function shown(containers: readonly DockerContainer[], rules?: DockerRules) {
  const { items, problems } = translateContainers(containers, rules);
  const of = <T>(kind: string) => items.flatMap((item) => (item.kind === kind ? [item.value as T] : []));
  return {
    services: of<Service>('service'),
    endpoints: of<Endpoint>('endpoint'),
    workloads: of<Workload>('workload'),
    problems: Object.fromEntries(problems),
  };
}

const compose = (project: string, service: string) => ({
  'com.docker.compose.project': project,
  'com.docker.compose.service': service,
});
const port = { 'periplus.io/port': '80' };

describe('a container', () => {
  it('stays outside without a label of Periplus, or with periplus.io/enable=false', () => {
    const none = container('db', compose('shop', 'db'));
    const off = container('off', { ...port, 'periplus.io/enable': 'false' });
    expect(shown([none, off])).toEqual({ services: [], endpoints: [], workloads: [], problems: {} });
  });

  it.each([
    ['its label', { 'periplus.io/service': 'Web', ...compose('shop', 'x'), ...port }, 'web.default.svc.cluster.local'],
    ['Compose', { ...compose('shop', 'web'), ...port, 'periplus.io/namespace': 'shop' }, 'web.shop.svc.cluster.local'],
    ['its own name', port, 'c1.default.svc.cluster.local'],
    ['a whole hostname', { ...port, 'periplus.io/hostname': 'Web.example.com' }, 'web.example.com'],
  ])('is of the service that %s names', (_, labels, hostname) => {
    const { services, endpoints } = shown([container('c1', labels)]);
    expect(services.map((service) => service.hostname)).toEqual([hostname]);
    expect(endpoints).toMatchObject([{ id: 'c1', hostname, address: '172.17.0.2', network: 'bridge' }]);
  });

  it('maps hostnames by rule', () => {
    const rules = { mapping: { hostname: 'NAME.PROJECT.docker' } };
    expect(shown([container('c1', { ...compose('shop', 'web'), ...port })], rules).services[0]?.hostname).toBe(
      'web.shop.docker',
    );
  });

  it.each([
    [{ 'periplus.io/port': '80:8080', 'periplus.io/protocol': 'http' }, [['http', 80, 'HTTP']], { http: 8080 }],
    [{ 'periplus.io/port': '5432' }, [['default', 5432, 'Unsupported']], { default: 5432 }],
    [
      { 'periplus.io/port.grpc-api': '9000', 'periplus.io/port.http-web': '80:8080' },
      [
        ['grpc-api', 9000, 'GRPC'],
        ['http-web', 80, 'HTTP'],
      ],
      { 'grpc-api': 9000, 'http-web': 8080 },
    ],
    [{ 'periplus.io/enable': 'true' }, [['default', 7000, 'Unsupported']], { default: 7000 }],
  ])('with %j has the ports', (labels, ports, targets) => {
    const exposed = {
      Ports: [
        { PrivatePort: 7000, Type: 'tcp' },
        { PrivatePort: 53, Type: 'udp' },
      ],
    };
    const { services, endpoints } = shown([container('c1', labels, exposed)]);
    expect(services[0]?.ports.map(({ name, port: number, protocol }) => [name, number, protocol])).toEqual(ports);
    expect(endpoints[0]?.ports).toEqual(targets);
  });

  it.each([
    [{ State: 'running', Status: 'Up 1 second' }, 'healthy'],
    [{ State: 'running', Status: 'Up 1 second (healthy)' }, 'healthy'],
    [{ State: 'running', Status: 'Up 1 second (health: starting)' }, 'unhealthy'],
    [{ State: 'running', Status: 'Up 1 second (unhealthy)' }, 'unhealthy'],
    [{ State: 'paused', Status: 'Up 1 minute (Paused)' }, 'unhealthy'],
  ])('of %j is %s', (state, health) => {
    const { endpoints, workloads } = shown([container('c1', port, state)]);
    expect([endpoints[0]?.health, workloads[0]?.health]).toEqual([health, health]);
  });

  it('that does not run has no endpoint, and its service stays', () => {
    const { services, endpoints } = shown([container('c1', port, { State: 'exited', Status: 'Exited (137)' })]);
    expect([services.length, endpoints.length]).toEqual([1, 0]);
  });

  it('brings version, identity, place, weight and the labels meant for the mesh, and no other', () => {
    const labels = {
      ...compose('shop', 'web'),
      ...port,
      'periplus.io/version': 'v2',
      'periplus.io/service-account': 'web',
      'periplus.io/locality': 'eu/a',
      'periplus.io/weight': '5',
      'periplus.io/label.team': 'red',
      'traefik.http.middlewares.auth.basicauth.users': 'anna:$apr1$secret',
    };
    const { endpoints } = shown([container('c1', labels)], { clusterId: 'host-7' });
    expect(endpoints).toMatchObject([
      { clusterId: 'host-7', serviceAccount: 'web', locality: 'eu/a', weight: 5, workload: 'c1' },
    ]);
    expect(endpoints[0]?.labels).toEqual({ app: 'web', version: 'v2', team: 'red', ...compose('shop', 'web') });
  });

  it('is reached in the network it names, else in the first', () => {
    const Networks = { b: { IPAddress: '10.2.0.2' }, a: { IPAddress: '10.1.0.2' }, c: null };
    const at = (labels: object) =>
      shown([container('c1', { ...port, ...labels }, { NetworkSettings: { Networks } })]).endpoints[0];
    expect(at({})).toMatchObject({ address: '10.1.0.2', network: 'a' });
    expect(at({ 'periplus.io/network': 'b' })).toMatchObject({ address: '10.2.0.2', network: 'b' });
    expect(at({ 'periplus.io/network': 'x' })).toBeUndefined();
  });

  it('is reached at its host, when that is asked for', () => {
    const Ports = [{ PrivatePort: 80, PublicPort: 32_768, Type: 'tcp', IP: '0.0.0.0' }];
    const rules = { hostAddress: '192.0.2.7' };
    expect(shown([container('c1', port, { Ports })], rules).endpoints[0]).toMatchObject({
      address: '192.0.2.7',
      ports: { default: 32_768 },
    });
    expect(shown([container('c1', port)], rules).problems.c1).toMatch(/none of its ports is published/);
    const host = container('c1', port, { HostConfig: { NetworkMode: 'host' } });
    expect(shown([host], rules).endpoints[0]).toMatchObject({ address: '192.0.2.7', ports: { default: 80 } });
    expect(shown([host]).problems.c1).toMatch(/--docker-host-address/);
  });
});

describe('two Compose projects', () => {
  const of = (project: string, more: object = {}) =>
    container(
      `${project}-web-1`,
      { ...compose(project, 'web'), ...port, ...more },
      { Created: project === 'a' ? 1 : 2 },
    );

  it('are not one service by accident', () => {
    const { endpoints, problems } = shown([of('b'), of('a')]);
    expect(endpoints.map(({ id }) => id)).toEqual(['a-web-1']);
    expect(problems).toEqual({ 'b-web-1': expect.stringContaining('Compose project "a" has web.default') });
  });

  it('are when they say so', () => {
    const same = { 'periplus.io/service': 'web' };
    expect(shown([of('a', same), of('b', same)]).endpoints).toHaveLength(2);
  });
});
