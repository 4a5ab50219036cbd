// Case of kubernetes.test.ts: what a cluster answers is captured without its token, and gives the same facts when it is played.
import { expect, it } from 'vitest';
import { captureAndReplay } from '../support/capture.ts';
import { adapterToken } from '../support/kube.ts';
import { define, paths, putPod, putSlice, serviceObject, sliceObject } from '../support/kube-objects.ts';
import type { OnKube } from './on-kube.ts';

/** Registers the case. */
export function captureCase(onKube: OnKube): void {
  it(
    'is captured without its token, and the capture gives the same facts',
    onKube(async (kube) => {
      if ((await kube.ask('GET', paths.virtualServices)).status === 404)
        await define(kube, 'VirtualService', 'virtualservices');
      await kube.must('POST', paths.virtualServices, {
        ...{ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name: 'captured' } },
        spec: { hosts: ['captured'], http: [{ route: [{ destination: { host: 'captured' } }] }] },
      });
      await kube.must('POST', paths.services, serviceObject('captured'));
      await putPod(kube, 'captured-1', '10.90.0.1', { app: 'captured' });
      const pods = { '10.90.0.1': 'captured-1' };
      await kube.must('POST', paths.slices, sliceObject('captured', ['10.90.0.1'], pods));
      // Each thing changes once: two changes within a few milliseconds may be one when they are played.
      const change = async () => {
        const notReady = { conditions: [{ type: 'Ready', status: 'False' }] };
        await kube.must('PATCH', `${paths.pods}/captured-1/status`, { status: notReady });
        await putSlice(kube, 'captured', ['10.90.0.2', '10.90.0.3']);
        await kube.must('DELETE', `${paths.virtualServices}/captured`);
        await kube.must('POST', paths.services, serviceObject('last'));
      };
      const flags = ['--kubeconfig', kube.kubeconfig()];
      const first = '/apis/networking.istio.io/v1/virtualservices?watch=1';
      const { text, replayed } = await captureAndReplay(flags, { first, change, last: '\\"name\\":\\"last\\"' });
      for (const name of ['captured', 'last']) await kube.must('DELETE', `${paths.services}/${name}`);
      await kube.must('DELETE', `${paths.slices}/captured-1`);
      await kube.must('DELETE', `${paths.pods}/captured-1?gracePeriodSeconds=0`);
      expect(text).not.toContain(adapterToken);
      expect(text).toContain('10.90.0.3');
      expect(replayed.stdout).toMatch(/kubernetes\/kubernetes: \d+ facts, 0 subjects differ$/m);
      expect(replayed.code).toBe(0);
    }),
  );
}
