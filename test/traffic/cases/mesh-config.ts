// MeshConfig: defaults for the whole mesh, as the ConfigMap `istio` sets them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { exchange, send } from '../client.ts';
import { assertBetween, assertShare, ejection } from '../expectations.ts';
import { destinationRule, type Manifest, meshConfig, serviceEntry, virtualService } from '../resources.ts';
import { startMute } from '../silent-servers.ts';

const fields = (...names: readonly string[]) => names.map((name) => `MeshConfig.${name}`);
const logFile = ({ files }: Pick<Place, 'files'>, name: string) => join(dirname(files.ca), name);

async function loggedLine(mesh: CaseMesh, name: string): Promise<string> {
  let text = '';
  await waitFor(
    () => {
      text = readFileSync(logFile(mesh, name), 'utf8');
      return text.includes('\n');
    },
    // Envoy writes its log buffer out every ten seconds.
    { what: 'an access log line', limitMs: 15_000, everyMs: 100 },
  );
  return text;
}

/** One endpoint in the proxy's own zone, one in another region. */
function spread({ ports, instances: { e1, e2 } }: Place): Manifest {
  return serviceEntry('near', {
    hosts: ['near.example.com'],
    ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
    resolution: 'STATIC',
    endpoints: [
      { address: e1.address, ports: { http: e1.port }, locality: 'region1/zone1/a' },
      { address: e2.address, ports: { http: e2.port }, locality: 'region2/zone1/a' },
    ],
  });
}
const near = { host: 'near.example.com' };
const outlierDetection = { consecutive5xxErrors: 100 };

/** See the file's first line. */
export const meshConfigCases: readonly TrafficCase[] = [
  {
    name: 'serviceSettings.clusterLocal: endpoints of the own cluster alone',
    proves: fields('serviceSettings.settings.clusterLocal', 'serviceSettings.hosts'),
    later: () => [
      meshConfig({
        serviceSettings: [{ settings: { clusterLocal: true }, hosts: ['shared.default.svc.cluster.local'] }],
      }),
    ],
    run: async (mesh, later) => {
      const answering = async () => Object.keys(await mesh.tally(30, '/', { host: 'shared' })).sort();
      assert.deepEqual(await answering(), ['e1', 'e2']);
      await mesh.apply(...later);
      assert.deepEqual(await answering(), ['e1']);
    },
  },
  {
    name: 'outboundTrafficPolicy REGISTRY_ONLY',
    proves: fields('outboundTrafficPolicy.mode'),
    resources: () => [meshConfig({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } })],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { host: 'unknown.example.org' })).status, 502);
      assert.equal((await mesh.get('/')).status, 200);
    },
  },
  {
    name: 'accessLogFile, accessLogFormat and TEXT; JSON with a format of its own',
    proves: fields('accessLogFile', 'accessLogFormat', 'accessLogEncoding'),
    resources: (place) => [
      meshConfig({
        accessLogFile: logFile(place, 'text.log'),
        accessLogFormat: '%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE%',
        accessLogEncoding: 'TEXT',
      }),
    ],
    later: (place) => [
      meshConfig({
        accessLogFile: logFile(place, 'json.log'),
        accessLogFormat: '{"path": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%"}',
        accessLogEncoding: 'JSON',
      }),
    ],
    run: async (mesh, later) => {
      await mesh.get('/logged');
      await mesh.apply(...later);
      await mesh.get('/json');
      assert.equal((await loggedLine(mesh, 'text.log')).split('\n')[0], 'GET /logged 200');
      assert.deepEqual(JSON.parse((await loggedLine(mesh, 'json.log')).split('\n')[0] ?? ''), {
        path: '/json',
        code: 200,
      });
    },
  },
  {
    name: 'protocolDetectionTimeout: bytes that stay ambiguous are passed on in the end',
    proves: fields('protocolDetectionTimeout'),
    resources: () => [meshConfig({ protocolDetectionTimeout: '200ms' })],
    run: async (mesh) => {
      const started = performance.now();
      assert.match(await exchange('GET', { port: mesh.ports.auto }), /^e\d GET$/);
      assertBetween(performance.now() - started, 180, 4_000);
    },
  },
  {
    name: 'h2UpgradePolicy, unless a rule says otherwise',
    proves: fields('h2UpgradePolicy'),
    resources: () => [
      meshConfig({ h2UpgradePolicy: 'UPGRADE' }),
      destinationRule('other', {
        host: 'other',
        trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: 'DO_NOT_UPGRADE' } } },
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/')).echo.protocol, '2.0');
      assert.equal((await mesh.get('/', { host: 'other' })).echo.protocol, '1.1');
    },
  },
  {
    name: 'proxyHttpPort: a forward proxy on loopback, for every port by absolute URL',
    proves: fields('proxyHttpPort'),
    resources: ({ ports }) => [meshConfig({ proxyHttpPort: ports.spare[0] })],
    run: async (mesh) => {
      const call = { address: '127.0.0.1', port: mesh.ports.spare[0] };
      for (const port of [mesh.ports.http, mesh.ports.alt]) {
        const host = `echo.default.svc.cluster.local:${port}`;
        assert.match((await send(`http://${host}/x`, { ...call, host })).echo.instance, /^e/);
      }
    },
  },
  {
    name: 'defaultHttpRetryPolicy',
    proves: fields('defaultHttpRetryPolicy.attempts', 'defaultHttpRetryPolicy.retryOn'),
    resources: () => [meshConfig({ defaultHttpRetryPolicy: { attempts: 4, retryOn: '500' } })],
    run: async (mesh) => {
      const key = mesh.newKey();
      const { status } = await mesh.get('/', { headers: { 'x-key': key, 'x-fail': '4', 'x-status': '500' } });
      assert.deepEqual([status, mesh.seen(key).length], [200, 5]);
    },
  },
  {
    name: 'defaultTrafficPolicy.connectionPool and outlierDetection',
    proves: fields(
      'defaultTrafficPolicy.connectionPool.http.h2UpgradePolicy',
      'defaultTrafficPolicy.outlierDetection.consecutive5xxErrors',
    ),
    resources: () => [
      meshConfig({
        defaultTrafficPolicy: {
          connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } },
          outlierDetection: {
            consecutive5xxErrors: 1,
            interval: '100ms',
            baseEjectionTime: '60s',
            maxEjectionPercent: 100,
          },
        },
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/')).echo.protocol, '2.0');
      for (let i = 0; i < 20; i++) await mesh.get('/', { headers: { 'x-status': '500', 'x-only': 'e1' } });
      await ejection();
      assert.deepEqual(Object.keys(await mesh.tally(40, '/')).sort(), ['e2', 'e3']);
    },
  },
  {
    name: 'localityLbSetting.distribute',
    proves: fields('localityLbSetting.distribute.from', 'localityLbSetting.distribute.to'),
    resources: (place) => [
      meshConfig({
        localityLbSetting: { distribute: [{ from: 'region1/*', to: { 'region1/*': 30, 'region2/*': 70 } }] },
      }),
      spread(place),
    ],
    run: async (mesh) => assertShare(await mesh.tally(400, '/', near), 'e1', 0.3),
  },
  {
    name: 'localityLbSetting.enabled false',
    proves: fields('localityLbSetting.enabled'),
    resources: (place) => [
      meshConfig({ localityLbSetting: { enabled: false } }),
      spread(place),
      destinationRule('near', { ...near, trafficPolicy: { outlierDetection } }),
    ],
    run: async (mesh) => assert.equal(Object.keys(await mesh.tally(40, '/', near)).length, 2),
  },
  {
    name: 'zoneAwareLbSetting: the own region alone, without outlier detection; enabled false: all regions alike',
    proves: fields('zoneAwareLbSetting.enabled'),
    resources: (place) => [meshConfig({ zoneAwareLbSetting: { enabled: true } }), spread(place)],
    later: () => [meshConfig({ zoneAwareLbSetting: { enabled: false } })],
    run: async (mesh, later) => {
      assert.deepEqual(Object.keys(await mesh.tally(40, '/', near)), ['e1']);
      await mesh.apply(...later);
      assert.deepEqual(Object.keys(await mesh.tally(40, '/', near)).sort(), ['e1', 'e2']);
    },
  },
  {
    name: 'pathNormalization MERGE_SLASHES and DECODE_AND_MERGE_SLASHES',
    proves: fields('pathNormalization.normalization'),
    resources: () => [meshConfig({ pathNormalization: { normalization: 'MERGE_SLASHES' } })],
    later: () => [meshConfig({ pathNormalization: { normalization: 'DECODE_AND_MERGE_SLASHES' } })],
    run: async (mesh, later) => {
      assert.equal((await mesh.get('/a//b/../c')).echo.path, '/a/c');
      await mesh.apply(...later);
      assert.equal((await mesh.get('/a%2fb//c')).echo.path, '/a/b/c');
    },
  },
  {
    name: 'pathNormalization NONE, and BASE as the default',
    proves: fields('pathNormalization.normalization'),
    resources: () => [meshConfig({ pathNormalization: { normalization: 'NONE' } })],
    run: async (mesh) => {
      assert.equal((await mesh.get('/a/../b')).echo.path, '/a/../b');
      await mesh.remove(meshConfig({}));
      assert.equal((await mesh.get('/a/../b//c')).echo.path, '/b//c');
    },
  },
  {
    name: 'rootNamespace: a DestinationRule there holds for all',
    proves: fields('rootNamespace'),
    resources: () => [
      meshConfig({ rootNamespace: 'config-root' }),
      destinationRule(
        'all',
        { host: '*.svc.cluster.local', trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } } },
        { namespace: 'config-root' },
      ),
    ],
    run: async (mesh) => assert.equal((await mesh.get('/')).echo.protocol, '2.0'),
  },
  {
    name: 'defaultVirtualServiceExportTo and defaultDestinationRuleExportTo',
    proves: fields('defaultVirtualServiceExportTo', 'defaultDestinationRuleExportTo'),
    resources: () => [
      meshConfig({ defaultVirtualServiceExportTo: ['.'], defaultDestinationRuleExportTo: ['.'] }),
      virtualService(
        'theirs',
        { hosts: ['echo.shop.svc.cluster.local'], http: [{ directResponse: { status: 299 } }] },
        { namespace: 'shop' },
      ),
      destinationRule(
        'theirs',
        {
          host: 'echo.shop.svc.cluster.local',
          trafficPolicy: { connectionPool: { http: { h2UpgradePolicy: 'UPGRADE' } } },
        },
        { namespace: 'shop' },
      ),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { host: 'echo.shop' })).echo.protocol, '1.1');
    },
  },
  {
    name: 'defaultServiceExportTo',
    proves: fields('defaultServiceExportTo', 'outboundTrafficPolicy.mode'),
    resources: () => [meshConfig({ defaultServiceExportTo: ['.'], outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } })],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { host: 'echo.shop' })).status, 502);
      assert.equal((await mesh.get('/')).status, 200);
    },
  },
  {
    name: 'connectTimeout, where no rule says otherwise',
    proves: fields('connectTimeout'),
    resources: ({ ports }) => [
      meshConfig({ connectTimeout: '300ms' }),
      serviceEntry('silent', {
        hosts: ['silent.example.com'],
        ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
        resolution: 'STATIC',
        endpoints: [{ address: '127.66.0.98', ports: { http: ports.spare[5] } }],
      }),
      destinationRule('silent', {
        host: 'silent.example.com',
        trafficPolicy: { tls: { mode: 'SIMPLE', insecureSkipVerify: true } },
      }),
    ],
    run: async (mesh) => {
      const server = await startMute(mesh.silentAddress, mesh.ports.spare[5]);
      try {
        const { status, ms } = await mesh.get('/', { host: 'silent.example.com' });
        assert.equal(status, 503);
        assertBetween(ms, 290, 8_000);
      } finally {
        await server.stop();
      }
    },
  },
  {
    name: 'dnsRefreshRate: names are looked up so often',
    proves: fields('dnsRefreshRate'),
    resources: ({ ports, instances: { app } }) => [
      meshConfig({ dnsRefreshRate: '100ms' }),
      serviceEntry('named', {
        hosts: ['named.example.com'],
        ports: [{ number: ports.http, name: 'http', protocol: 'HTTP' }],
        resolution: 'DNS',
        endpoints: [{ address: 'localhost', ports: { http: app.port } }],
      }),
    ],
    run: async (mesh) => {
      assert.equal((await mesh.get('/', { host: 'named.example.com' })).echo.instance, 'app');
      const lookUps = async () => {
        const stats = await fetch(
          `http://127.0.0.1:${mesh.admin.sidecar}/stats?filter=named.example.com.*update_attempt`,
        );
        const text = await stats.text();
        return Number(/update_attempt: (\d+)/.exec(text)?.[1] ?? 0);
      };
      // Istio's default is a minute.
      await waitFor(async () => (await lookUps()) >= 4, { what: 'four look-ups', limitMs: 10_000, everyMs: 20 });
    },
  },
  {
    name: 'outboundClusterStatName and inboundClusterStatName: what statistics of clusters are called',
    proves: fields('outboundClusterStatName', 'inboundClusterStatName'),
    resources: () => [
      meshConfig({
        outboundClusterStatName: 'to_%SERVICE_FQDN%_%SERVICE_PORT_NAME%',
        inboundClusterStatName: 'at_%TARGET_PORT%',
      }),
    ],
    run: async (mesh) => {
      await mesh.get('/');
      const statistics = async () =>
        (await fetch(`http://127.0.0.1:${mesh.admin.sidecar}/stats?filter=^cluster\\.(to|at)_`)).text();
      await waitFor(
        async () =>
          /cluster\.to_echo\.default\.svc\.cluster\.local_\w+;\.upstream_rq_200: [1-9]/.test(await statistics()),
        {
          what: 'a counted request',
          limitMs: 10_000,
          everyMs: 50,
        },
      );
      assert.match(await statistics(), /cluster\.at_\d+;\.membership_total: 1/);
    },
  },
];
