import { describe, expect, it } from 'vitest';
import { httpService } from '../snapshot-fixture.ts';
import { isMeshConfig, meshConfigOf } from './mesh-config.ts';
import { checkMeshNetworks, gatewaysOf, networkOf, withServiceGateways } from './mesh-networks.ts';
import { parseDocuments } from './parse.ts';
import { printYaml } from './print.ts';

const networks = {
  a: { endpoints: [{ fromCidr: '10.1.0.0/16' }, { fromCidr: 'fd00::/8' }], gateways: [{ address: '192.0.2.9' }] },
  b: {
    endpoints: [{ fromRegistry: 'cluster-b' }],
    gateways: [{ address: '192.0.2.2', port: 443, locality: 'r/z' }, { address: '192.0.2.1' }],
  },
};

describe('the network of an endpoint', () => {
  it.each([
    ['its own', { network: 'own', clusterId: 'cluster-b', address: '10.1.0.1' }, 'own'],
    ['its cluster’s', { clusterId: 'cluster-b', address: '10.1.0.1' }, 'b'],
    ['its address’s', { clusterId: 'cluster-c', address: '10.1.255.1' }, 'a'],
    ['its IPv6 address’s', { address: 'fd12::1' }, 'a'],
    ['none', { address: '10.2.0.1' }, ''],
    ['none for a name', { address: 'db.example' }, ''],
  ])('is %s', (_, endpoint, expected) => expect(networkOf(endpoint, networks)).toBe(expected));
});

it('gateways are in order, with Istio’s port where none is given', () => {
  expect(gatewaysOf('b', networks)).toEqual([
    { address: '192.0.2.1', port: 15_443 },
    { address: '192.0.2.2', port: 443, locality: 'r/z' },
  ]);
  expect(gatewaysOf('toString', networks)).toEqual([]);
});

describe('gateways that Services stand for', () => {
  const ports = [15_443, 443].map((port) => ({ name: `p${port}`, port, protocol: 'TLS' as const }));
  const gateway = (labels: Readonly<Record<string, string>>, externalAddresses = ['192.0.2.7']) =>
    httpService('gw', { ports, labels, externalAddresses, clusterId: 'cluster-b' });
  const label = 'topology.istio.io/network';
  const portLabel = 'networking.istio.io/gatewayPort';
  const at = { address: '192.0.2.7', port: 15_443, cluster: 'cluster-b' };
  it.each([
    ['by label, in a network without configuration', gateway({ [label]: 'c' }), 'c', [at]],
    ['by label with its port', gateway({ [label]: 'c', [portLabel]: '443' }), 'c', [{ ...at, port: 443 }]],
    ['by label with what is no port', gateway({ [label]: 'c', [portLabel]: 'tls' }), 'c', [at]],
    ['not where the Service lacks the port', gateway({ [label]: 'c', [portLabel]: '444' }), 'c', []],
    ['not by the names of load balancers', gateway({ [label]: 'c' }, ['lb.example']), 'c', []],
    [
      'by label beside addresses of meshNetworks',
      gateway({ [label]: 'a' }),
      'a',
      [{ address: '192.0.2.9', port: 15_443 }, at],
    ],
    ['without a label by registryServiceName', gateway({}), 'named', [{ ...at, port: 443 }]],
    ['by the label, not by registryServiceName, where it has both', gateway({ [label]: 'c' }), 'named', []],
    ['not by registryServiceName of another cluster’s network', { ...gateway({}), clusterId: 'x' }, 'named', []],
  ])('%s', (_, service, network, expected) => {
    const named = {
      endpoints: [{ fromRegistry: 'cluster-b' }],
      gateways: [{ registryServiceName: service.hostname, port: 443 }],
    };
    const merged = withServiceGateways({ ...networks, named }, [service, service]);
    const sorted = [...expected].sort((a, b) => (a.address < b.address ? -1 : 1));
    expect(gatewaysOf(network, merged)).toEqual(sorted);
  });
});

describe('the document', () => {
  const problemsOf = (document: unknown) => {
    const found: string[] = [];
    checkMeshNetworks(document, [], (path, message, options) =>
      found.push(`${options?.severity ?? 'error'} ${path.join('.')}: ${message}`),
    );
    return found;
  };
  it.each([
    [{ endpoints: [{}] }, /networks\.x\.endpoints\.0: expected one of/],
    [{ endpoints: [{ fromCidr: '10.0.0.0/33' }] }, /fromCidr: expected an address with a prefix length/],
    [{ gateways: [{ port: 1 }] }, /networks\.x\.gateways\.0: expected one of/],
    [{ gateways: [{ address: 'gateway.example' }] }, /address: expected an IP address/],
    [{ gateways: [{ address: '192.0.2.1', port: 70_000 }] }, /port: expected 1 to 65535/],
    [{ gateways: [{ registryServiceName: 'gw.istio-system.svc.cluster.local' }] }, /^$/],
  ])('%j: %s', (network, expected) => expect(problemsOf({ networks: { x: network } }).join('\n')).toMatch(expected));

  it('is read from the ConfigMap beside the mesh’s, and printed there again', () => {
    const yaml = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: "accessLogFile: /dev/stdout"
  meshNetworks: |
    networks:
      b: { endpoints: [{ fromRegistry: cluster-b }], gateways: [{ address: 192.0.2.1 }] }
`;
    const { objects, problems } = parseDocuments(yaml);
    expect(problems).toEqual([]);
    const [parsed] = objects;
    if (parsed?.type !== 'config' || !isMeshConfig(parsed.resource)) throw new Error('no mesh configuration');
    expect(meshConfigOf(parsed.resource.spec).networks).toEqual({
      b: { endpoints: [{ fromRegistry: 'cluster-b' }], gateways: [{ address: '192.0.2.1' }] },
    });
    const again = parseDocuments(printYaml([parsed.resource]));
    expect(again.objects).toMatchObject([{ resource: parsed.resource }]);
  });
});
