import { describe, expect, it } from 'vitest';
import { isMeshConfig, meshConfigOf } from './mesh-config.ts';
import { checkMeshNetworks, gatewaysOf, networkOf } from './mesh-networks.ts';
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
    [{ gateways: [{ registryServiceName: 'gw.istio-system.svc.cluster.local' }] }, /^warning .*is not looked up/],
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
