// Cases of kubernetes.test.ts: what becomes of configuration is in its `.status`, and the manifests grant just that.
import { expect, it } from 'vitest';
import type { IstioStatus } from '../../adapters/kubernetes/istio-status.ts';
import { adsBootstrap } from '../support/ads-bootstrap.ts';
import { startEnvoy } from '../support/envoy.ts';
import { adapterToken, type TestKube } from '../support/kube.ts';
import { applyFile, startAdapter } from '../support/kube-adapter.ts';
import { define, paths } from '../support/kube-objects.ts';
import { periplus, RunningPeriplus } from '../support/periplus.ts';
import { waitFor } from '../support/wait-for.ts';
import type { OnKube } from './on-kube.ts';

const name = 'weighted';
const resource = `${paths.virtualServices}/${name}`;
const spec = (weight: number, host = 'api') => ({
  hosts: ['api'],
  http: [{ route: [{ destination: { host }, weight }] }],
});

/** Registers the cases. The service `api` exists and VirtualService is defined. */
export function statusCases(onKube: OnKube): void {
  it(
    'serve --kubeconfig is a mesh over the cluster; findings and how many proxies hold it are in the .status, which is no event',
    onKube(async (kube) => {
      await kube.must('POST', paths.virtualServices, {
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name },
        spec: spec(100),
      });
      const flags = ['--log', 'memory:', '--xds-port', '0', '--admin-port', '0', '--kubeconfig', kube.kubeconfig()];
      const control = new RunningPeriplus(['serve', ...flags]);
      const envoys: Awaited<ReturnType<typeof startEnvoy>>[] = [];
      try {
        const { xds, admin } = await portsOf(control);
        await untilStatus(kube, 'no proxies', { Reconciled: 'Unknown', PassedValidation: 'True' });
        for (const id of ['one', 'two'])
          envoys.push(
            await startEnvoy(
              adsBootstrap(xds, 'DELTA_GRPC', `sidecar~10.9.9.9~${id}.default~default.svc.cluster.local`),
            ),
          );
        const reached = await untilStatus(kube, 'both proxies', { Reconciled: 'True' });
        expect(reached.observedGeneration).toBe(1);
        await untilStatus(kube, 'both counted', {}, /^2\/2 proxies up to date\.$/);
        const shown = await periplus(['get', 'endpoints', 'api', '--server', admin]);
        expect(shown.stdout).toMatch(/10\.1\.0\.9.*kubernetes/);
        expect(control.output).not.toContain(adapterToken);
        const before = await positionOf(admin);

        await kube.must('PATCH', resource, { spec: spec(-1) });
        const invalid = await untilStatus(kube, 'invalid', { Reconciled: 'False', PassedValidation: 'False' });
        expect(invalid.observedGeneration).toBe(2);
        expect(invalid.validationMessages).toEqual([
          {
            documentationUrl: 'https://istio.io/latest/docs/reference/config/analysis/ist0106/',
            level: 'ERROR',
            type: { code: 'IST0106', name: 'SchemaValidationError' },
          },
        ]);
        expect(conditionOf(invalid, 'PassedValidation')?.message).toMatch(/spec\.http\[0\]\.route\[0\]\.weight/);
        // Two writes of the status and an invalid resource: nothing of that is a fact.
        expect(await positionOf(admin)).toBe(before);

        await kube.must('PATCH', resource, { spec: spec(1, 'nowhere') });
        const warned = await untilStatus(kube, 'valid again', { Reconciled: 'True' }, /^2\/2/);
        expect(warned.observedGeneration).toBe(3);
        expect(warned.validationMessages?.map(({ level, type }) => [level, type.code])).toEqual([['ERROR', 'IST0101']]);
        expect(await positionOf(admin)).toBe(before + 1);
      } finally {
        for (const envoy of envoys) await envoy.stop();
        await control.stop();
        await kube.must('DELETE', resource);
      }
    }),
  );

  it(
    'the account of rbac.yaml may do no more',
    onKube(async (kube) => {
      const refused = async (method: string, path: string, body?: unknown) =>
        expect([method, path, (await kube.ask(method, path, body, adapterToken)).status]).toEqual([method, path, 403]);
      await kube.must('POST', paths.virtualServices, {
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name },
        spec: spec(100),
      });
      await refused('PATCH', resource, { spec: spec(1) });
      await refused('DELETE', resource);
      await refused('PUT', `${resource}/status`, {});
      await refused('PATCH', `${paths.services}/api`, { metadata: { labels: { x: 'y' } } });
      await refused('PATCH', `${paths.services}/api/status`, { status: {} });
      await refused('POST', paths.pods, {});
      for (const path of ['/api/v1/secrets', '/api/v1/configmaps', '/api/v1/namespaces/default/secrets/x'])
        await refused('GET', path);
      await refused('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {});
      const status = { conditions: [{ type: 'Reconciled', status: 'Unknown' }] };
      // The status and nothing beside it: a spec that comes with it is left out by the API server.
      const written = await kube.ask('PATCH', `${resource}/status`, { status, spec: spec(7) }, adapterToken);
      expect(written.status).toBe(200);
      expect((written.body as { spec?: unknown }).spec).toEqual(spec(100));
      await kube.must('DELETE', resource);
    }),
  );
}

/** Registers the case of every other kind that is configuration. Their definitions make some thirty more watches: best among the last. */
export function kindCases(onKube: OnKube): void {
  it(
    "Mixer's resources, policies, objectives, Telemetry, ProxyConfig and WorkloadGroup are configuration, too",
    onKube(async (kube) => {
      await applyFile(kube, 'crds.yaml');
      await Promise.all([
        define(kube, 'Telemetry', 'telemetries', { group: 'telemetry.istio.io' }),
        define(kube, 'ProxyConfig', 'proxyconfigs', { version: 'v1beta1' }),
        define(kube, 'WorkloadGroup', 'workloadgroups'),
      ]);
      const objects = [
        [
          'config.istio.io/v1alpha2',
          'handler',
          'handlers',
          { compiledAdapter: 'denier', params: { status: { code: 7 } } },
        ],
        ['config.istio.io/v1alpha2', 'denier', 'deniers', { status: { code: 7 } }],
        [
          'policy.periplus.io/v1',
          'Policy',
          'policies',
          { rules: [{ name: 'none', when: 'true', deny: { status: 403 } }] },
        ],
        [
          'slo.periplus.io/v1',
          'ServiceLevelObjective',
          'servicelevelobjectives',
          { service: 'api', target: 99, window: '30d', availability: {} },
        ],
        ['networking.istio.io/v1beta1', 'ProxyConfig', 'proxyconfigs', { concurrency: 2 }],
        [
          'networking.istio.io/v1',
          'WorkloadGroup',
          'workloadgroups',
          { template: { serviceAccount: 'vm', network: 'n' } },
        ],
        ['telemetry.istio.io/v1', 'Telemetry', 'telemetries', { accessLogging: [{ disabled: true }] }],
      ] as const;
      await using adapter = startAdapter(kube.port, kube);
      await adapter.untilState('synced');
      for (const [apiVersion, kind, plural, spec] of objects)
        await kube.must('POST', `/apis/${apiVersion}/namespaces/default/${plural}`, {
          ...{ apiVersion, kind, spec },
          metadata: { name: 'sample' },
        });
      const missing = async () => {
        const { config } = await adapter.mesh();
        return objects.filter(([, kind]) => !config.get(kind, 'default', 'sample')).map(([, kind]) => kind);
      };
      let last: readonly string[] = [];
      await waitFor(async () => (last = await missing()).length === 0, {
        what: () => `${last.join()}: ${JSON.stringify([...(adapter.runner.status.value?.problems ?? [])])}`,
      });
      for (const [apiVersion, , plural] of objects)
        await kube.must('DELETE', `/apis/${apiVersion}/namespaces/default/${plural}/sample`);
    }),
  );
}

async function portsOf(control: RunningPeriplus): Promise<{ readonly xds: number; readonly admin: string }> {
  const pattern = /Admin API +(http:\/\/\S+:\d+)[\s\S]*xDS .*:(\d+) \(plaintext\)/;
  await waitFor(() => pattern.test(control.output), { what: () => `its ports: ${control.output}` });
  const [, admin = '', xds] = pattern.exec(control.output) ?? [];
  return { admin, xds: Number(xds) };
}

async function positionOf(admin: string): Promise<number> {
  const answer = await fetch(`${admin}/api/v1/summary`);
  return ((await answer.json()) as { readonly position: number }).position;
}

const conditionOf = ({ conditions }: IstioStatus, wanted: string) => conditions?.find(({ type }) => type === wanted);

/** Waits until conditions have these statuses, and that of Reconciled this message, for the newest generation. */
async function untilStatus(
  kube: TestKube,
  what: string,
  wanted: Readonly<Record<string, string>>,
  message = /./,
): Promise<IstioStatus> {
  let status: IstioStatus = {};
  await waitFor(
    async () => {
      const object = (await kube.must('GET', resource)) as { status?: IstioStatus; metadata?: { generation?: number } };
      status = object.status ?? {};
      return (
        Number(status.observedGeneration) === object.metadata?.generation &&
        Object.entries(wanted).every(([type, value]) => conditionOf(status, type)?.status === value) &&
        message.test(conditionOf(status, 'Reconciled')?.message ?? '')
      );
    },
    { what: () => `${what}: ${JSON.stringify(status)}`, limitMs: 60_000 },
  );
  return status;
}
