// DestinationRule tls: what the proxy does towards the destination, and refuses of it.
import assert from 'node:assert/strict';
import type { ClientTLSSettings } from '../../../mesh/config/schemas/destination-rule.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { destinationRule, type Manifest, virtualService } from '../resources.ts';

const tls = 'DestinationRule.trafficPolicy.tls';
const sni = 'api.example.com';

/** `echo` over its TLS port, through a plain HTTP port of the client's side. */
function originating(settings: (place: Place) => ClientTLSSettings): (place: Place) => Manifest[] {
  return (place) => [
    destinationRule('echo', {
      host: 'echo',
      trafficPolicy: { portLevelSettings: [{ port: { number: place.ports.originate }, tls: settings(place) }] },
    }),
  ];
}
/** The same for the whole host. */
function hostWide(settings: (place: Place) => ClientTLSSettings): (place: Place) => Manifest[] {
  return (place) => [destinationRule('echo', { host: 'echo', trafficPolicy: { tls: settings(place) } })];
}
const secured = (mesh: CaseMesh, host = 'echo.default.svc.cluster.local') =>
  mesh.get('/', { port: mesh.ports.originate, host });

/** See the file's first line. */
export const tlsOriginationCases: readonly TrafficCase[] = [
  {
    name: 'tls.mode SIMPLE: the CA is checked, the host is the SNI',
    proves: [`${tls}.mode`, `${tls}.caCertificates`],
    resources: hostWide(({ files }) => ({ mode: 'SIMPLE', caCertificates: files.ca })),
    run: async (mesh) => {
      const { echo } = await secured(mesh);
      assert.deepEqual([echo.tls?.sni, echo.tls?.client], ['echo.default.svc.cluster.local', '']);
    },
  },
  {
    name: 'tls.mode SIMPLE: a server of another CA is refused',
    proves: [`${tls}.caCertificates`],
    resources: hostWide(({ files }) => ({ mode: 'SIMPLE', caCertificates: files.otherCa, sni })),
    run: async (mesh) => assert.equal((await secured(mesh)).status, 503),
  },
  {
    name: 'tls.sni',
    proves: [`${tls}.sni`],
    resources: hostWide(({ files }) => ({ mode: 'SIMPLE', caCertificates: files.ca, sni })),
    run: async (mesh) => assert.equal((await secured(mesh)).echo.tls?.sni, sni),
  },
  {
    name: 'tls.subjectAltNames: only these names',
    proves: [`${tls}.subjectAltNames`],
    resources: hostWide(({ files }) => ({ mode: 'SIMPLE', caCertificates: files.ca, sni, subjectAltNames: [sni] })),
    later: hostWide(({ files }) => ({
      mode: 'SIMPLE',
      caCertificates: files.ca,
      sni,
      subjectAltNames: ['api.example.org'],
    })),
    run: async (mesh, later) => {
      assert.equal((await secured(mesh)).status, 200);
      await mesh.apply(...later);
      assert.equal((await secured(mesh)).status, 503);
    },
  },
  {
    name: 'tls.caCrl: a server whose certificate was revoked is refused',
    proves: [`${tls}.caCrl`],
    resources: hostWide(({ files }) => ({ mode: 'SIMPLE', caCertificates: files.ca, caCrl: files.revocations, sni })),
    later: hostWide(({ files }) => ({
      mode: 'SIMPLE',
      caCertificates: files.ca,
      caCrl: files.serverRevocations,
      sni,
    })),
    run: async (mesh, later) => {
      assert.equal((await secured(mesh)).status, 200);
      await mesh.apply(...later);
      assert.equal((await secured(mesh)).status, 503);
    },
  },
  {
    name: 'tls.insecureSkipVerify',
    proves: [`${tls}.insecureSkipVerify`],
    resources: hostWide(() => ({ mode: 'SIMPLE', insecureSkipVerify: true, sni })),
    run: async (mesh) => assert.equal((await secured(mesh)).echo.tls?.sni, sni),
  },
  {
    name: 'tls.mode MUTUAL shows the client’s certificate',
    proves: [`${tls}.mode`, `${tls}.clientCertificate`, `${tls}.privateKey`],
    resources: hostWide(({ files }) => ({
      mode: 'MUTUAL',
      clientCertificate: files.client,
      privateKey: files.clientKey,
      caCertificates: files.ca,
      sni,
    })),
    run: async (mesh) => assert.equal((await secured(mesh)).echo.tls?.client, 'test client'),
  },
  {
    name: 'tls.mode DISABLE speaks plain text',
    proves: [`${tls}.mode`],
    resources: hostWide(() => ({ mode: 'DISABLE' })),
    run: async (mesh) => {
      assert.equal((await mesh.get('/')).echo.tls, undefined);
      assert.equal((await secured(mesh)).status, 503);
    },
  },
  {
    name: 'tls with h2UpgradePolicy: HTTP/2 by ALPN',
    proves: ['DestinationRule.trafficPolicy.connectionPool.http.h2UpgradePolicy'],
    resources: ({ files }) => [
      destinationRule('echo', {
        host: 'echo',
        trafficPolicy: {
          tls: { mode: 'SIMPLE', caCertificates: files.ca, sni },
          connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } },
        },
      }),
    ],
    run: async (mesh) => {
      const { echo } = await secured(mesh);
      assert.deepEqual([echo.protocol, echo.tls?.alpn], ['2.0', 'h2']);
    },
  },
  {
    name: 'tls of one port, as for calls that become HTTPS on their way out',
    proves: ['mode', 'caCertificates', 'sni'].map(
      (field) => `DestinationRule.trafficPolicy.portLevelSettings.tls.${field}`,
    ),
    resources: originating(({ files }) => ({ mode: 'SIMPLE', caCertificates: files.ca, sni })),
    run: async (mesh) => {
      assert.equal((await secured(mesh)).echo.tls?.sni, sni);
      assert.equal((await mesh.get('/')).echo.tls, undefined, 'other ports stay plain');
    },
  },
  {
    name: 'tls of one subset',
    proves: ['mode', 'caCertificates', 'sni'].map((field) => `DestinationRule.subsets.trafficPolicy.tls.${field}`),
    resources: ({ files, ports }) => [
      destinationRule('echo', {
        host: 'echo',
        subsets: [
          {
            name: 'v1',
            labels: { version: 'v1' },
            trafficPolicy: { tls: { mode: 'SIMPLE', caCertificates: files.ca, sni } },
          },
        ],
      }),
      virtualService('echo', {
        hosts: ['echo'],
        http: [{ match: [{ port: ports.originate }], route: [{ destination: { host: 'echo', subset: 'v1' } }] }],
      }),
    ],
    run: async (mesh) => {
      const { echo } = await secured(mesh);
      assert.deepEqual([echo.instance, echo.tls?.sni], ['e1', sni]);
    },
  },
];
