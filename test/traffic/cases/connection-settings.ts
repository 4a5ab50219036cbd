// Mesh config: ProxyConfig.connectionSettings, what connections and requests may do and how long.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Settings } from 'node:http2';
import { waitFor } from '../../support/wait-for.ts';
import type { TrafficCase } from '../case.ts';
import { untilClosed } from '../client.ts';
import { meshConfig, virtualService } from '../resources.ts';

const host = 'web.example.com';

/** These settings at 0.3 s, and connections that are to be closed are closed soon. */
const withTimeouts = (...fields: readonly string[]) =>
  meshConfig({
    defaultConfig: {
      connectionSettings: {
        httpDrainTimeout: '0.1s',
        ...Object.fromEntries(fields.map((field) => [field, '0.3s'])),
      },
    },
  });

/** See the file's first line. */
export const connectionSettingCases: readonly TrafficCase[] = [
  {
    name: 'connectionSettings EDGE at a gateway: underscores, doubled and escaped slashes; a sidecar is as it was',
    proves: ['profile', 'httpHeadersWithUnderscoresAction', 'httpMergeSlashes', 'httpPathWithEscapedSlashesAction'].map(
      (field) => `MeshConfig.defaultConfig.connectionSettings.${field}`,
    ),
    resources: () => [
      meshConfig({ defaultConfig: { connectionSettings: { profile: 'EDGE' } } }),
      virtualService('web', {
        hosts: [host],
        gateways: ['base'],
        http: [{ route: [{ destination: { host: 'other' } }] }],
      }),
    ],
    later: () => [
      meshConfig({
        defaultConfig: {
          connectionSettings: {
            profile: 'EDGE',
            httpHeadersWithUnderscoresAction: 'HEADERS_WITH_UNDERSCORES_DROP_HEADER',
            httpMergeSlashes: false,
            httpPathWithEscapedSlashesAction: 'REJECT_REQUEST',
          },
        },
      }),
    ],
    run: async (mesh, later) => {
      const headers = { a_b: 'c' };
      assert.equal((await mesh.ingress('/', { headers })).status, 400);
      assert.equal((await mesh.get('/', { headers, host: 'other' })).echo.headers.a_b, 'c');
      assert.equal((await mesh.ingress('/a//b')).echo.path, '/a/b');
      const moved = await mesh.ingress('/a%2Fb');
      assert.deepEqual([moved.status, moved.headers.location], [307, '/a/b']);
      await mesh.apply(...later);
      assert.equal((await mesh.ingress('/', { headers })).echo.headers.a_b, undefined);
      assert.equal((await mesh.ingress('/a//b')).echo.path, '/a//b');
      assert.equal((await mesh.ingress('/a%2Fb')).status, 400);
    },
  },
  {
    name: 'connectionSettings: how long requests, streams and connections may last',
    proves: [
      'httpRequestTimeout',
      'httpRequestHeadersTimeout',
      'httpStreamIdleTimeout',
      'httpMaxStreamDuration',
      'httpIdleTimeout',
      'httpMaxConnectionDuration',
      'httpDrainTimeout',
    ].map((field) => `MeshConfig.defaultConfig.connectionSettings.${field}`),
    resources: () => [withTimeouts('httpRequestTimeout', 'httpIdleTimeout')],
    later: () => [
      withTimeouts('httpRequestHeadersTimeout', 'httpMaxConnectionDuration', 'httpStreamIdleTimeout'),
      withTimeouts('httpMaxStreamDuration'),
    ],
    run: async (mesh, [second, third]) => {
      const request = (length: number) => `POST / HTTP/1.1\r\nhost: other\r\ncontent-length: ${length}\r\n\r\n`;
      // Half a request; then a whole one, after which nobody closes but the proxy.
      assert.match(await untilClosed(mesh.ports.http, request(10)), /^HTTP\/1\.1 408 /);
      assert.match(await untilClosed(mesh.ports.http, request(0)), /^HTTP\/1\.1 200 /);
      const slow = { headers: { 'x-delay-ms': '4000' }, host: 'other' };
      if (second) await mesh.apply(second);
      assert.match(await untilClosed(mesh.ports.http, 'GET / HTTP/1.1\r\nhost'), /^HTTP\/1\.1 408 /);
      assert.match(await untilClosed(mesh.ports.http, request(0)), /^HTTP\/1\.1 200 /);
      assert.equal((await mesh.get('/', slow)).status, 504);
      if (third) await mesh.apply(third);
      assert.equal((await mesh.get('/', slow)).status, 504);
    },
  },
  {
    name: 'connectionSettings: what HTTP/2 clients are granted',
    proves: ['httpMaxConcurrentStreams', 'http2InitialStreamWindowSize', 'http2InitialConnectionWindowSize'].map(
      (field) => `MeshConfig.defaultConfig.connectionSettings.${field}`,
    ),
    resources: () => [
      meshConfig({
        defaultConfig: {
          connectionSettings: {
            httpMaxConcurrentStreams: 7,
            http2InitialStreamWindowSize: 70_000,
            http2InitialConnectionWindowSize: 100_000,
          },
        },
      }),
    ],
    run: async (mesh) => {
      for (const port of [mesh.ports.http, mesh.ports.gateway]) {
        const session = connect(`http://127.0.0.1:${port}`);
        const [settings] = (await once(session, 'remoteSettings')) as [Settings];
        const isGranted = () => session.state.remoteWindowSize === 100_000;
        await waitFor(isGranted, { what: () => `the window, last ${session.state.remoteWindowSize}`, limitMs: 5_000 });
        session.destroy();
        assert.deepEqual([settings.maxConcurrentStreams, settings.initialWindowSize], [7, 70_000]);
      }
    },
  },
  {
    name: 'connectionSettings: what a gateway buffers; a longer body is not sent a second time',
    proves: ['MeshConfig.defaultConfig.connectionSettings.listenerPerConnectionBufferLimitBytes'],
    resources: () => [
      virtualService('web', {
        hosts: [host],
        gateways: ['base'],
        http: [{ route: [{ destination: { host: 'other' } }], retries: { attempts: 2, retryOn: '5xx' } }],
      }),
    ],
    later: () => [
      meshConfig({ defaultConfig: { connectionSettings: { listenerPerConnectionBufferLimitBytes: 2_000 } } }),
    ],
    run: async (mesh, later) => {
      const failing = (length: number) => ({
        method: 'POST',
        headers: { 'x-key': mesh.newKey(), 'x-fail': '1' },
        body: 'x'.repeat(length),
      });
      assert.equal((await mesh.ingress('/', failing(50_000))).status, 200);
      await mesh.apply(...later);
      assert.equal((await mesh.ingress('/', failing(50_000))).status, 503);
      assert.equal((await mesh.ingress('/', failing(100))).status, 200);
    },
  },
];
