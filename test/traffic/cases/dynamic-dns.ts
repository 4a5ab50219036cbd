// Hosts that the proxy looks up when a request names them. `NAME.localhost` is what every resolver knows: the application beside the client.
import assert from 'node:assert/strict';
import type { ClientTLSSettings } from '../../../mesh/config/schemas/destination-rule.ts';
import type { TrafficCase } from '../case.ts';
import { type Manifest, meshConfig, serviceEntry, sidecar } from '../resources.ts';

/** Where the sidecar has a listener of its own. */
const sidecarAddress = '127.77.0.1';

const tlsFields = (...names: readonly string[]) => names.map((name) => `MeshConfig.outboundTrafficPolicy.tls.${name}`);
const over = (tls: ClientTLSSettings): Manifest =>
  meshConfig({ outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS', tls } });

/** See the file's first line. */
export const dynamicDnsCases: readonly TrafficCase[] = [
  {
    name: 'resolution DYNAMIC_DNS: a wildcard’s hosts are looked up, at the port that the request names',
    proves: ['ServiceEntry.resolution'],
    resources: ({ ports }) => [
      serviceEntry('wild', {
        hosts: ['*.localhost', '*.invalid'],
        location: 'MESH_EXTERNAL',
        ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
        resolution: 'DYNAMIC_DNS',
      }),
      meshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }),
    ],
    run: async (mesh) => {
      const { port } = mesh.instances.app;
      for (const name of ['one', 'two']) {
        const answer = await mesh.get('/', { host: `${name}.localhost:${port}` });
        assert.deepEqual([answer.status, answer.echo.instance], [200, 'app']);
      }
      assert.equal((await mesh.get('/', { host: `nobody.invalid:${port}` })).status, 503);
      assert.equal((await mesh.get('/', { host: `one.example.org:${port}` })).status, 502);
      assert.equal((await mesh.get('/')).status, 200);
    },
  },
  {
    name: 'resolution DYNAMIC_DNS, TLS: the host of the SNI is looked up, at the service’s port',
    proves: ['ServiceEntry.resolution'],
    resources: ({ instances: { app } }) => [
      serviceEntry('wild', {
        hosts: ['*.localhost'],
        location: 'MESH_EXTERNAL',
        ports: [{ number: app.tlsPort, name: 'tls', protocol: 'TLS' }],
        resolution: 'DYNAMIC_DNS',
      }),
      // The application has the port at 127.0.0.1.
      sidecar('default', {
        egress: [
          {
            port: { number: app.tlsPort, name: 'tls', protocol: 'TLS' },
            bind: sidecarAddress,
            captureMode: 'NONE',
            hosts: ['*/*.localhost'],
          },
        ],
      }),
    ],
    run: async (mesh) => {
      const { tlsPort } = mesh.instances.app;
      const tls = { servername: 'one.localhost', rejectUnauthorized: false };
      const answer = await mesh.get('/', { address: sidecarAddress, port: tlsPort, host: 'one.localhost', tls });
      assert.deepEqual([answer.status, answer.echo.instance, answer.echo.tls?.sni], [200, 'app', 'one.localhost']);
    },
  },
  {
    name: 'outboundTrafficPolicy ALLOW_ANY_DYNAMIC_DNS: hosts of no service are looked up',
    proves: ['MeshConfig.outboundTrafficPolicy.mode'],
    resources: () => [meshConfig({ outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS' } })],
    run: async (mesh) => {
      const { port } = mesh.instances.app;
      const answer = await mesh.get('/', { host: `unknown.localhost:${port}` });
      assert.deepEqual([answer.status, answer.echo.instance], [200, 'app']);
      assert.equal((await mesh.get('/', { host: `nobody.invalid:${port}` })).status, 503);
      assert.equal((await mesh.get('/')).status, 200);
    },
  },
  {
    name: 'outboundTrafficPolicy.tls SIMPLE: they are called over TLS, by the name that the request gives',
    proves: tlsFields('mode', 'caCertificates', 'subjectAltNames'),
    resources: ({ files }) => [
      over({ mode: 'SIMPLE', caCertificates: files.ca, subjectAltNames: ['echo.example.com'] }),
    ],
    later: ({ files }) => [over({ mode: 'SIMPLE', caCertificates: files.ca, subjectAltNames: ['nobody.example.net'] })],
    run: async (mesh, [others]) => {
      const call = { host: `unknown.localhost:${mesh.instances.app.tlsPort}` };
      const answer = await mesh.get('/', call);
      assert.deepEqual([answer.status, answer.echo.instance, answer.echo.tls?.sni], [200, 'app', 'unknown.localhost']);
      await mesh.apply(...(others ? [others] : []));
      assert.equal((await mesh.get('/', call)).status, 503);
    },
  },
  {
    name: 'outboundTrafficPolicy.tls MUTUAL: with a certificate, a name of its own, and without looking at the server’s',
    proves: tlsFields('clientCertificate', 'privateKey', 'sni', 'insecureSkipVerify'),
    resources: ({ files }) => [
      over({
        mode: 'MUTUAL',
        clientCertificate: files.client,
        privateKey: files.clientKey,
        sni: 'set.example.com',
        insecureSkipVerify: true,
      }),
    ],
    run: async (mesh) => {
      const { echo } = await mesh.get('/', { host: `unknown.localhost:${mesh.instances.app.tlsPort}` });
      assert.deepEqual([echo.instance, echo.tls?.sni], ['app', 'set.example.com']);
      assert.notEqual(echo.tls?.client, '');
    },
  },
  {
    name: 'outboundTrafficPolicy.tls.caCrl: a server whose certificate was revoked is refused',
    proves: tlsFields('caCrl'),
    resources: ({ files }) => [
      over({
        mode: 'SIMPLE',
        caCertificates: files.ca,
        subjectAltNames: ['echo.example.com'],
        caCrl: files.revocations,
      }),
    ],
    later: ({ files }) => [
      over({
        mode: 'SIMPLE',
        caCertificates: files.ca,
        subjectAltNames: ['echo.example.com'],
        caCrl: files.serverRevocations,
      }),
    ],
    run: async (mesh, [revoking]) => {
      const call = { host: `unknown.localhost:${mesh.instances.app.tlsPort}` };
      assert.equal((await mesh.get('/', call)).status, 200);
      await mesh.apply(...(revoking ? [revoking] : []));
      assert.equal((await mesh.get('/', call)).status, 503);
    },
  },
];
