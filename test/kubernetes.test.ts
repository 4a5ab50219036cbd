// The Kubernetes adapter on a real kube-apiserver and etcd, as the service account of deploy/kubernetes/rbac.yaml.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKubernetesCredentials } from '../adapters/kubernetes/credentials.ts';
import { readKubeconfig } from '../adapters/kubernetes/kubeconfig.ts';
import { defaultReflectorTiming } from '../adapters/kubernetes/reflector.ts';
import { silentLogger } from '../lib/logger.ts';
import type { FoundCredential } from '../mesh/credential-material.ts';
import { captureCase } from './kubernetes/capture.ts';
import { clusterCases } from './kubernetes/clusters.ts';
import { faultCases, lastFaultCase } from './kubernetes/faults.ts';
import { guideCase } from './kubernetes/guide.ts';
import { installCase } from './kubernetes/install.ts';
import type { OnKube } from './kubernetes/on-kube.ts';
import { selectionCase, shapeCases } from './kubernetes/shapes.ts';
import { kindCases, statusCases } from './kubernetes/status.ts';
import { adapterToken, TestKube } from './support/kube.ts';
import { applyFile, startAdapter } from './support/kube-adapter.ts';
import { define, paths, putPod, putSlice, registryOf, serviceObject, sliceObject } from './support/kube-objects.ts';
import { LossyProxy } from './support/lossy-proxy.ts';
import { waitFor } from './support/wait-for.ts';
import { makeAuthority } from './traffic/certificates.ts';

let started: TestKube | { readonly why: string };

beforeAll(async () => {
  started = await TestKube.start();
  if ('why' in started) return;
  await applyFile(started, 'rbac.yaml');
});
afterAll(async () => {
  if (started && !('why' in started)) await started.dispose();
});

const secretTiming = { ...defaultReflectorTiming, backoffMs: { min: 20, max: 500 } };

describe('on a real kube-apiserver', { timeout: 120_000 }, () => {
  const onKube: OnKube = (test) => async (context) => {
    if ('why' in started) return context.skip(started.why);
    await test(started);
  };

  it(
    'the adapter shows what the cluster has, follows it, and may do no more than it needs',
    onKube(async (kube) => {
      await kube.must('POST', '/api/v1/nodes', {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name: 'n1',
          labels: { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'eu-1' },
        },
      });
      await kube.must('POST', paths.services, serviceObject('web'));
      await putPod(kube, 'web-1', '10.1.0.1', { app: 'web' });
      await kube.must('POST', paths.slices, sliceObject('web', ['10.1.0.1', '10.1.0.2'], { '10.1.0.1': 'web-1' }));
      await using adapter = startAdapter(kube.port, kube);
      await adapter.untilState('synced');
      await adapter.untilEqual('the initial sync');
      const { registry } = await adapter.mesh();
      const endpoints = registry.endpoints('default/web.default.svc.cluster.local');
      expect(endpoints.find(({ id }) => id === '10.1.0.2')).toMatchObject({ health: 'healthy', ports: { http: 8080 } });
      expect(endpoints.find(({ id }) => id === 'web-1')).toMatchObject({
        address: '10.1.0.1',
        labels: { app: 'web' },
        locality: 'eu/eu-1',
        serviceAccount: 'web',
      });
      await putSlice(kube, 'web', ['10.1.0.3']);
      await adapter.untilEqual('another endpoint');
      await kube.must('POST', paths.services, serviceObject('api'));
      await putSlice(kube, 'api', ['10.1.0.9']);
      await adapter.untilEqual('another service');
      await kube.must('DELETE', `${paths.slices}/web-1`);
      await adapter.untilEqual('a slice that is gone');
      await kube.must('DELETE', `${paths.services}/web`);
      await kube.must('DELETE', `${paths.pods}/web-1?gracePeriodSeconds=0`);
      await adapter.untilEqual('a service that is gone');
    }),
  );

  it(
    'resources of kinds that are defined later become configuration, invalid ones are reported and change nothing',
    onKube(async (kube) => {
      await using adapter = startAdapter(kube.port, kube);
      await adapter.untilState('synced');
      await define(kube, 'VirtualService', 'virtualservices');
      const rule = (weight: number) => ({
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name: 'api' },
        spec: { hosts: ['api'], http: [{ route: [{ destination: { host: 'api' }, weight }] }] },
      });
      await kube.must('POST', paths.virtualServices, rule(100));
      await adapter.untilEqual('the rule');
      const before = (await adapter.mesh()).config.get('VirtualService', 'default', 'api');
      await kube.must('PATCH', `${paths.virtualServices}/api`, { spec: rule(-1).spec });
      const problems = () => adapter.runner.status.value?.problems;
      await waitFor(() => problems()?.size === 1, { what: 'the problem' });
      expect(problems()?.get('config/VirtualService/default/api')).toMatch(/spec\.http\[0\]\.route\[0\]\.weight/);
      expect((await adapter.mesh()).config.get('VirtualService', 'default', 'api')).toEqual(before);
      await kube.must('PATCH', `${paths.virtualServices}/api`, { spec: rule(1).spec });
      await adapter.untilEqual('the rule made valid');
      expect(problems()?.size).toBe(0);
      await kube.must('DELETE', `${paths.virtualServices}/api`);
      await adapter.untilEqual('no rule');
    }),
  );

  faultCases(onKube);

  it(
    'what changed while it was cut off is seen although etcd forgot it (410 Gone)',
    onKube(async (kube) => {
      const proxy = await LossyProxy.start(kube.port);
      try {
        await using adapter = startAdapter(proxy.port, kube);
        await adapter.untilEqual('the start');
        const { metadata } = (await kube.must('GET', '/api/v1/services')) as {
          readonly metadata?: { readonly resourceVersion: string };
        };
        proxy.losing = true;
        await putSlice(kube, 'cut1', ['10.3.0.1']);
        await kube.must('DELETE', `${paths.services}/cut2`);
        await kube.compact();
        await kube.stopApiserver();
        await kube.startApiserver();
        const old = `/api/v1/services?watch=1&timeoutSeconds=2&resourceVersion=${metadata?.resourceVersion}`;
        const answer = await kube.ask('GET', old);
        expect(JSON.stringify(answer.body)).toContain('"code":410');
        proxy.losing = false;
        proxy.cut();
        await adapter.untilEqual('after the gap');
        await adapter.untilState('synced');
      } finally {
        await proxy.stop();
      }
    }),
  );

  it(
    'a server that is away empties nothing, and a wrong token is named and not shown',
    onKube(async (kube) => {
      await using adapter = startAdapter(kube.port, kube);
      await adapter.untilEqual('the start');
      await adapter.untilState('synced');
      const before = registryOf(await adapter.mesh());
      await kube.stopApiserver();
      await adapter.untilState('lost');
      expect(adapter.runner.status.value?.reason).toMatch(/can't be reached/);
      await sleep(500);
      expect(registryOf(await adapter.mesh())).toEqual(before);
      await kube.startApiserver();
      await adapter.untilState('synced');
      await adapter.untilEqual('the server that is back');
      await using stranger = startAdapter(kube.port, kube, { token: 'wr0ng' });
      await stranger.untilState('lost');
      expect(stranger.runner.status.value?.reason).toMatch(/does not accept the token of test \(401/);
      expect(JSON.stringify(stranger.runner.status.value)).not.toContain('wr0ng');
      expect((await stranger.log.head()).position).toBe(0);
    }),
  );

  statusCases(onKube);

  it(
    'a Secret that a Role names is followed; one that it does not name can not be read',
    onKube(async (kube) => {
      await applyFile(kube, 'gateway-secrets.yaml');
      const path = kube.kubeconfig(kube.port, adapterToken);
      const access = () => readKubeconfig({ path });
      const source = createKubernetesCredentials({
        access,
        clusterId: 'c1',
        logger: silentLogger,
        timing: secretTiming,
      });
      const heard = new Map<string, (FoundCredential | undefined)[]>();
      const stop = new AbortController();
      const follow = (name: string) =>
        source.follow(
          { namespace: 'istio-system', name },
          (found) => heard.set(name, [...(heard.get(name) ?? []), found]),
          stop.signal,
        );
      const following = [follow('web-tls'), follow('others-tls')];
      const secrets = '/api/v1/namespaces/istio-system/secrets';
      const put = (verb: string, name: string, certificate: string) =>
        kube.must(verb, verb === 'PUT' ? `${secrets}/${name}` : secrets, {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name, namespace: 'istio-system' },
          stringData: { 'ca.crt': certificate },
        });
      const last = (name: string) => heard.get(name)?.at(-1)?.material.authorities?.bundle;
      const { certificate: one } = await makeAuthority('one');
      const { certificate: two } = await makeAuthority('two');
      await put('POST', 'others-tls', one);
      await put('POST', 'web-tls', one);
      await waitFor(() => last('web-tls')?.trim() === one.trim(), { what: 'the Secret' });
      await put('PUT', 'web-tls', two);
      await waitFor(() => last('web-tls')?.trim() === two.trim(), { what: 'its next content' });
      await kube.must('DELETE', `${secrets}/web-tls`);
      await waitFor(() => heard.get('web-tls')?.at(-1) === undefined, { what: 'its end' });
      expect(heard.has('others-tls')).toBe(false);
      stop.abort();
      await Promise.all(following);
    }),
  );

  shapeCases(onKube);

  selectionCase(onKube);

  clusterCases(onKube);

  installCase(onKube);

  guideCase(onKube);

  captureCase(onKube);

  kindCases(onKube);

  lastFaultCase(onKube);
});
