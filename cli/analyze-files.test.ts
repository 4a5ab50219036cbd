// `analyze` of files that hold Kubernetes objects beside Istio's: their Pods, Namespaces and Secrets count, as for `istioctl analyze --use-kube=false`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli } from './cli-fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'periplus-analyze-'));
afterAll(() => rmSync(folder, { recursive: true }));

const object = (apiVersion: string, kind: string, name: string, more: object, metadata: object = {}) => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'default', ...metadata },
  ...more,
});
const networking = (kind: string, name: string, spec: object) => object('networking.istio.io/v1', kind, name, { spec });
const pod = (name: string, labels: object, metadata: object = {}) =>
  object('v1', 'Pod', name, { spec: { containers: [{ name: 'c' }] } }, { labels, ...metadata });
const namespace = (name: string, metadata: object = {}) =>
  object('v1', 'Namespace', name, {}, { namespace: undefined, ...metadata });
const service = (name: string, selector: object, ports: readonly object[], metadata: object = {}) =>
  object('v1', 'Service', name, { spec: { selector, ports } }, metadata);

let files = 0;
/** `CODE RESOURCE PATH` of each finding in one file of these objects. */
async function found(...objects: readonly object[]): Promise<string[]> {
  return foundWith([], objects);
}

async function foundWith(options: readonly string[], objects: readonly object[]): Promise<string[]> {
  const file = join(folder, `${++files}.json`);
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  const { out } = await runCli(['analyze', file, '-o', 'json', ...options]);
  const findings = JSON.parse(out) as { code: string; resource: string; path: string }[];
  return findings.map(({ code, resource, path }) => `${code} ${resource} ${path}`);
}

describe('analyze of files with Kubernetes objects', () => {
  it('finds selectors of nobody among the Pods, and is silent where no Pod is shown', async () => {
    const nobody = { app: 'nobody' };
    const selecting = [
      networking('Sidecar', 'a', { workloadSelector: { labels: nobody }, egress: [{ hosts: ['*/*'] }] }),
      object('telemetry.istio.io/v1', 'Telemetry', 'a', { spec: { selector: { matchLabels: nobody } } }),
      networking('Gateway', 'a', {
        selector: nobody,
        servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['a.example.com'] }],
      }),
    ];
    expect(await found(...selecting, pod('web', { app: 'web' }))).toEqual([
      'IST0101 Gateway/default/a spec.selector',
      'IST0101 Sidecar/default/a spec.workloadSelector',
      'IST0101 Telemetry/default/a spec.selector',
    ]);
    expect(
      await found(...selecting, pod('nobody', nobody), service('nobody', nobody, [{ name: 'http', port: 80 }])),
    ).toEqual([]);
    expect(await found(...selecting)).toEqual([]);
  });

  it('finds subsets of no Pod', async () => {
    const rule = networking('DestinationRule', 'web', {
      host: 'web',
      subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })),
    });
    const web = service('web', { app: 'web' }, [{ name: 'http', port: 80 }]);
    expect(await found(rule, web, pod('web-1', { app: 'web', version: 'v1' }))).toEqual([
      'IST0173 DestinationRule/default/web spec.subsets[1]',
    ]);
    expect(await found(rule, web)).toEqual([]);
  });

  it('finds ports of Gateways that no Service of their Pods has, by port or target port', async () => {
    const labels = { istio: 'ingressgateway' };
    const gateway = networking('Gateway', 'g', {
      selector: labels,
      servers: [80, 8080, 9999].map((number) => ({
        port: { number, name: `http-${number}`, protocol: 'HTTP' },
        hosts: ['a.example.com'],
      })),
    });
    const front = service('front', labels, [{ name: 'http2', port: 80, targetPort: 8080 }]);
    const unserved = 'IST0162 Gateway/default/g spec.servers[2].port.number';
    expect(await found(gateway, pod('front', labels), front)).toEqual([unserved]);
    expect(await found(gateway, pod('front', labels))).toHaveLength(3);
  });

  it('finds Gateways with different selectors that share a Pod', async () => {
    const gateway = (name: string, selector: object) =>
      networking('Gateway', name, {
        selector,
        servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['a.example.com'] }],
      });
    const [some, more] = [{ istio: 'ingressgateway' }, { istio: 'ingressgateway', app: 'front' }];
    const front = service('front', some, [{ name: 'http2', port: 80 }]);
    expect(await found(gateway('a', some), gateway('b', more), pod('front', more), front)).toEqual([
      'IST0145 Gateway/default/a spec.servers[0].hosts',
      'IST0145 Gateway/default/b spec.servers[0].hosts',
    ]);
    expect(
      await found(
        gateway('a', some),
        gateway('b', { app: 'other' }),
        pod('1', some),
        pod('2', { app: 'other' }),
        front,
      ),
    ).toEqual(['IST0162 Gateway/default/b spec.servers[0].port.number']);
  });

  it('finds Secrets of Gateways that are missing or no use, where files show Secrets', async () => {
    const labels = { istio: 'ingressgateway' };
    const server = (credentialName: string, number: number) => ({
      port: { number, name: `https-${number}`, protocol: 'HTTPS' },
      hosts: [`${credentialName}.example.com`],
      tls: { mode: 'SIMPLE', credentialName },
    });
    const objects = [
      networking('Gateway', 'g', { selector: labels, servers: [server('gone', 443), server('empty', 444)] }),
      pod('front', labels),
      service('front', labels, [
        { name: 'https', port: 443 },
        { name: 'https-2', port: 444 },
      ]),
    ];
    const empty = object('v1', 'Secret', 'empty', { stringData: { 'tls.crt': 'no', 'tls.key': 'no' } });
    expect(await found(...objects, empty)).toEqual([
      'IST0101 Gateway/default/g spec.servers[0].tls.credentialName',
      'IST0161 Gateway/default/g spec.servers[1].tls.credentialName',
    ]);
    expect(await found(...objects)).toEqual([]);
  });

  it('finds namespaces of policies that are not shown, where some are', async () => {
    const policy = object('security.istio.io/v1', 'AuthorizationPolicy', 'p', {
      spec: { rules: [{ from: [{ source: { namespaces: ['web', 'team-*', 'gone'], notNamespaces: ['nor-this'] } }] }] },
    });
    const path = 'IST0101 AuthorizationPolicy/default/p spec.rules[0].from[0].source';
    expect(await found(policy, namespace('web'), namespace('team-a'))).toEqual([
      `${path}.namespaces[2]`,
      `${path}.notNamespaces[0]`,
    ]);
    expect(await found(policy)).toEqual([]);
  });

  it('looks at annotations of Pods and Namespaces, and hears the one that silences it', async () => {
    const inject = { 'sidecar.istio.io/inject': 'true' };
    const quiet = { 'sidecar.istio.io/unknown': 'x', 'galley.istio.io/analyze-suppress': 'IST0108' };
    expect(
      await found(
        pod('old', {}, { annotations: inject }),
        pod('both', { 'sidecar.istio.io/inject': 'true' }, { annotations: inject }),
        pod('unknown', {}, { annotations: { 'sidecar.istio.io/unknown': 'x' } }),
        pod('quiet', {}, { annotations: quiet }),
        pod('value', {}, { annotations: { 'status.sidecar.istio.io/port': 'x' } }),
        namespace('shop', { annotations: { 'sidecar.istio.io/proxyImage': 'x' } }),
      ),
    ).toEqual([
      'IST0107 Namespace//shop metadata.annotations["sidecar.istio.io/proxyImage"]',
      'IST0135 Pod/default/old metadata.annotations["sidecar.istio.io/inject"]',
      'IST0108 Pod/default/unknown metadata.annotations["sidecar.istio.io/unknown"]',
      'IST0125 Pod/default/value metadata.annotations["status.sidecar.istio.io/port"]',
    ]);
  });

  it('leaves ports of Istio’s own Services alone', async () => {
    const ports = [{ name: 'odd', port: 80 }];
    expect(
      await found(
        service('own', {}, ports, { labels: { istio: 'pilot' } }),
        service('managed', {}, ports, { labels: { 'gateway.istio.io/managed': 'istio.io-gateway-controller' } }),
        service('yours', {}, ports),
      ),
    ).toEqual(['IST0118 Service/default/yours spec.ports[0].name']);
  });

  it('takes nothing for there but what files hold, and an ingress gateway, with --use-kube=false', async () => {
    const selector = { istio: 'ingressgateway' };
    const servers = [80, 8080].map((number) => ({
      port: { number, name: `http-${number}`, protocol: 'HTTP' },
      hosts: ['a.example.com'],
    }));
    const tls = { mode: 'SIMPLE', credentialName: 'gone' };
    const secure = { port: { number: 443, name: 'https', protocol: 'HTTPS' }, hosts: ['b.example.com'], tls };
    const matchLabels = { app: 'web' };
    const rules = [{ from: [{ source: { namespaces: ['gone'] } }] }];
    const objects = [
      networking('Gateway', 'known', { selector, servers: [...servers, secure] }),
      networking('Gateway', 'unknown', { selector: matchLabels, servers }),
      networking('Sidecar', 's', { workloadSelector: { labels: matchLabels }, egress: [{ hosts: ['*/*'] }] }),
      networking('DestinationRule', 'web', { host: 'web', subsets: [{ name: 'v1', labels: { version: 'v1' } }] }),
      service('web', matchLabels, [{ name: 'http', port: 80 }]),
      object('security.istio.io/v1', 'AuthorizationPolicy', 'p', { spec: { selector: { matchLabels }, rules } }),
    ];
    expect(await foundWith(['--use-kube=false'], objects)).toEqual([
      'IST0101 AuthorizationPolicy/default/p spec.rules[0].from[0].source.namespaces[0]',
      'IST0127 AuthorizationPolicy/default/p spec.selector',
      'IST0173 DestinationRule/default/web spec.subsets[0]',
      'IST0162 Gateway/default/known spec.servers[1].port.number',
      'IST0101 Gateway/default/known spec.servers[2].tls.credentialName',
      'IST0101 Gateway/default/unknown spec.selector',
      'IST0101 Sidecar/default/s spec.workloadSelector',
    ]);
    expect(await found(...objects)).toEqual([]);
  });

  it('takes an ingress gateway of the files for the one that is installed', async () => {
    const selector = { istio: 'ingressgateway' };
    const server = { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['a.example.com'] };
    const own = service('istio-ingressgateway', selector, [{ name: 'http', port: 81 }], { namespace: 'istio-system' });
    const gateway = networking('Gateway', 'g', { selector, servers: [server] });
    const unserved = 'IST0162 Gateway/default/g spec.servers[0].port.number';
    expect(await foundWith(['--use-kube=false'], [gateway, own])).toEqual([unserved]);
    expect(await foundWith(['--use-kube=false'], [gateway])).toEqual([]);
  });

  it('finds spans for Lightstep', async () => {
    const mesh = object(
      'v1',
      'ConfigMap',
      'istio',
      { data: { mesh: 'extensionProviders:\n- name: old\n  lightstep: {service: a.example.com, port: 443}\n' } },
      { namespace: 'istio-system' },
    );
    const tracing = [{ providers: [{ name: 'old' }] }];
    const telemetry = object('telemetry.istio.io/v1', 'Telemetry', 't', { spec: { tracing } });
    expect(await found(mesh, telemetry)).toContain('IST0002 Telemetry/default/t spec.tracing[0].providers[0]');
    expect((await found(telemetry)).filter((line) => line.startsWith('IST0002'))).toEqual([]);
  });

  it('finds Services that disagree about a Deployment’s ports, where it is in the mesh', async () => {
    const labels = { app: 'web' };
    const deployment = (own: object) =>
      object('apps/v1', 'Deployment', 'web', {
        spec: { template: { metadata: { labels: { ...labels, ...own } }, spec: { containers: [{ name: 'c' }] } } },
      });
    const one = service('one', labels, [{ name: 'http', port: 80, targetPort: 8080 }]);
    const two = service('two', labels, [
      { name: 'http', port: 81, targetPort: 8080 },
      { name: 'udp', port: 80, targetPort: 9000, protocol: 'UDP' },
    ]);
    const other = service('other', { app: 'other' }, [{ name: 'http', port: 82, targetPort: 8080 }]);
    const conflicts = ['IST0116', 'IST0137'].map((code) => `${code} Deployment/default/web metadata.name`);
    expect(await found(deployment({}), one, two, other)).toEqual(conflicts);
    expect(await found(deployment({}), one, other)).toEqual([]);
    expect(await found(deployment({ 'sidecar.istio.io/inject': 'false' }), one, two)).toEqual([]);
    const injected = namespace('default', { labels: { 'istio-injection': 'enabled' } });
    expect(await found(deployment({}), one, two, injected)).toEqual(conflicts);
    expect(await found(deployment({}), one, two, namespace('default'))).toEqual([]);
  });

  it('finds applications that run as the proxy’s user', async () => {
    const asProxy = { securityContext: { runAsUser: 1337 } };
    const containers = [
      { name: 'istio-proxy', ...asProxy },
      { name: 'app', ...asProxy },
    ];
    const deployment = (metadata: object = {}) =>
      object('apps/v1', 'Deployment', 'web', { spec: { template: { spec: { ...asProxy, containers } } } }, metadata);
    expect(await found(deployment(), object('v1', 'Pod', 'web', { spec: { containers } }))).toEqual([
      'IST0144 Deployment/default/web spec.template.spec.containers[1].securityContext.runAsUser',
      'IST0144 Deployment/default/web spec.template.spec.securityContext.runAsUser',
      'IST0144 Pod/default/web spec.containers[1].securityContext.runAsUser',
    ]);
    expect(await found(deployment({ labels: { istio: 'pilot' } }))).toEqual([]);
  });

  it('takes Pods without a proxy for no workloads of policies, with --use-kube=false', async () => {
    const policy = object('security.istio.io/v1', 'AuthorizationPolicy', 'p', {
      spec: { selector: { matchLabels: { app: 'web' } } },
    });
    const objects = [policy, pod('web', { app: 'web' }), namespace('default')];
    const nobody = 'IST0127 AuthorizationPolicy/default/p spec.selector';
    expect(await found(...objects)).toEqual([]);
    expect(await foundWith(['--use-kube=false'], objects)).toEqual([nobody]);
    const injected = pod('web', { app: 'web', 'sidecar.istio.io/inject': 'true' });
    expect(await foundWith(['--use-kube=false'], [policy, injected, namespace('default')])).toEqual([]);
  });
});
