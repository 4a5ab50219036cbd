// Who a workload is: the service accounts that callers expect of servers, the mesh's trust domains, mutual TLS by default.
import { waitFor } from '../../support/wait-for.ts';
import { callerId, type IdentityCase, type IdentityPlace, webHost } from '../identities/mesh.ts';
import {
  authorizationPolicy,
  type Manifest,
  meshConfig,
  serviceEntry,
  workloadEntry,
  workloadGroup,
} from '../resources.ts';

const asCaller = `200 ${callerId}`;
/** The caller's sidecar does not know the server by its certificate. */
const refused = '503';
/** Their sidecars take mutual TLS. */
const tlsMode = { 'security.istio.io/tlsMode': 'istio' };

const inside = (name: string, { port }: IdentityPlace, more: object): Manifest =>
  serviceEntry(name, {
    hosts: [`${name}.example.com`],
    location: 'MESH_INTERNAL',
    ports: [{ number: port, name: 'http', protocol: 'HTTP' }],
    resolution: 'STATIC',
    ...more,
  });

const listed = (place: IdentityPlace, serviceAccount: string): Manifest =>
  inside('listed', place, {
    endpoints: [{ address: place.addresses.web, ports: { http: place.port }, labels: tlsMode, serviceAccount }],
  });

const entry = ({ addresses, port }: IdentityPlace, serviceAccount: string): Manifest =>
  workloadEntry('entry', {
    address: addresses.web,
    ports: { http: port },
    labels: { group: 'entry', ...tlsMode },
    serviceAccount,
  });

const group = (name: string, { port }: IdentityPlace, serviceAccount: string): Manifest =>
  workloadGroup(name, {
    metadata: { labels: { group: name, ...tlsMode } },
    template: { ports: { http: port }, serviceAccount },
  });

const selecting = (name: string) => ({ workloadSelector: { labels: { group: name } } });

/** The server is who it should be, and with what is applied `later` it is not. */
const untilRefused =
  (host: string): IdentityCase['run'] =>
  async (mesh, later) => {
    await mesh.answers(host, asCaller);
    await mesh.apply(...later);
    await mesh.answers(host, refused);
  };

/** See the file's first line. */
export const identityCases: readonly IdentityCase[] = [
  {
    name: 'endpoints.serviceAccount: who a server has to be',
    proves: ['ServiceEntry.endpoints.serviceAccount'],
    resources: (place) => [listed(place, 'id-web')],
    later: (place) => [listed(place, 'somebody-else')],
    run: untilRefused('listed.example.com'),
  },
  {
    name: 'serviceAccount of a WorkloadEntry: who a server has to be',
    proves: ['WorkloadEntry.serviceAccount'],
    resources: (place) => [inside('entry', place, selecting('entry')), entry(place, 'id-web')],
    later: (place) => [entry(place, 'somebody-else')],
    run: untilRefused('entry.example.com'),
  },
  {
    name: 'template.serviceAccount of a WorkloadGroup: who registered workloads have to be',
    proves: ['WorkloadGroup.template.serviceAccount'],
    resources: (place) => [
      inside('vms', place, selecting('vms')),
      inside('strangers', place, selecting('strangers')),
      group('vms', place, 'id-vm'),
      group('strangers', place, 'somebody-else'),
    ],
    run: async (mesh) => {
      await Promise.all([mesh.register('vm', 'vms'), mesh.register('stranger', 'strangers')]);
      await mesh.answers('vms.example.com', asCaller);
      await mesh.answers('strangers.example.com', refused);
    },
  },
  {
    name: 'enableAutoMtls false: plaintext where no rule asks for mutual TLS',
    proves: ['MeshConfig.enableAutoMtls'],
    later: () => [meshConfig({ enableAutoMtls: false })],
    run: async (mesh, later) => {
      await mesh.answers(webHost, asCaller);
      await mesh.apply(...later);
      await mesh.answers(webHost, '200 plaintext');
    },
  },
  {
    name: 'trustDomain and trustDomainAliases: policies and servers of the old name are of the new one',
    proves: ['MeshConfig.trustDomain', 'MeshConfig.trustDomainAliases'],
    resources: () => [
      meshConfig({ trustDomain: 'new.example', trustDomainAliases: ['cluster.local'] }),
      authorizationPolicy('callers', {
        selector: { matchLabels: { app: webHost } },
        rules: [{ from: [{ source: { principals: ['new.example/ns/default/sa/id-caller'] } }] }],
      }),
    ],
    later: () => [meshConfig({ trustDomain: 'new.example' })],
    run: untilRefused(webHost),
  },
  {
    name: 'meshMTLS: the least version, and ciphers below TLS 1.3, of the mesh’s mutual TLS',
    proves: ['minProtocolVersion', 'cipherSuites'].map((field) => `MeshConfig.meshMTLS.${field}`),
    resources: () => [meshConfig({ meshMTLS: { cipherSuites: ['ECDHE-ECDSA-AES256-GCM-SHA384'] } })],
    later: () => [meshConfig({ meshMTLS: { minProtocolVersion: 'TLSV1_3' } })],
    run: async (mesh, later) => {
      const agreed = async (ciphers: string, expected: string) =>
        await waitFor(async () => (await mesh.handshake({ maxVersion: 'TLSv1.2', ciphers })) === expected, {
          what: `${ciphers}: ${expected}`,
          limitMs: 20_000,
        });
      await agreed('ECDHE-ECDSA-AES128-GCM-SHA256', 'none');
      await agreed('ECDHE-ECDSA-AES256-GCM-SHA384', 'TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384');
      await mesh.apply(...later);
      await agreed('ECDHE-ECDSA-AES256-GCM-SHA384', 'none');
      await mesh.answers(webHost, asCaller);
    },
  },
];
