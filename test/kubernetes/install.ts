// Case of kubernetes.test.ts: the manifests that install the control plane are taken by a real API server, field by field and under its pod security.
import { expect, it } from 'vitest';
import { applyFile } from '../support/kube-adapter.ts';
import type { OnKube } from './on-kube.ts';

interface Deployment {
  readonly kind: string;
  readonly spec: { readonly template: { readonly metadata: object; readonly spec: object } };
}

/** Registers the case. The namespace of rbac.yaml exists. */
export function installCase(onKube: OnKube): void {
  it(
    'the manifests of the control plane are valid, and its pod is one that a restricted namespace takes',
    onKube(async (kube) => {
      const objects = await applyFile(kube, 'control-plane.yaml', true);
      expect(objects).toHaveLength(4);
      const { spec } = objects.find((object) => (object as Deployment).kind === 'Deployment') as Deployment;
      const pods = '/api/v1/namespaces/periplus-system/pods?dryRun=All&fieldValidation=Strict';
      const pod = { apiVersion: 'v1', kind: 'Pod', ...spec.template, metadata: { name: 'trial' } };
      await kube.must('POST', pods, pod);
      const hostNetwork = { ...pod, spec: { ...spec.template.spec, hostNetwork: true } };
      const refused = await kube.ask('POST', pods, hostNetwork);
      expect([refused.status, JSON.stringify(refused.body)]).toEqual([403, expect.stringContaining('restricted')]);
    }),
  );
}
