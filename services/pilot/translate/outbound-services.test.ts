import { describe, expect, it } from 'vitest';
import { mixerCluster, mixerPortName, mixerService } from '../../../mesh/policy/mixer-service.ts';
import { resourceOf, snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { sidecarContext } from './context-fixture.ts';
import { createMemo } from './memo.ts';
import { translate } from './translate.ts';
import { typeUrls } from './translation.ts';

const { hostname, namespace, platform, labels } = mixerService;
const endpoint = {
  ...{ id: 'mixer-1', hostname, namespace, platform, labels },
  address: '192.0.2.9',
  ports: { [mixerPortName]: 9191 },
  health: 'healthy',
} as const;
const closed = resourceOf('Sidecar', 'default', { egress: [{ hosts: ['~/*'] }] });

describe('Mixer, to proxies', () => {
  it.each([
    ['that see everything', []],
    ['whose Sidecar shows them nothing', [closed]],
  ])('%s is a cluster with its endpoints, and nothing else: no listener, no route', (_, config) => {
    const snapshot = snapshotOf({ services: [mixerService], endpoints: [endpoint], config });
    const translation = translate(snapshot, sidecarContext(), createMemo());
    const names = (typeUrl: (typeof typeUrls)[keyof typeof typeUrls]) => translation.resources(typeUrl).names();
    expect(names(typeUrls.cluster)).toContain(mixerCluster);
    expect(names(typeUrls.endpoints)).toEqual([mixerCluster]);
    expect(names(typeUrls.listener).join()).not.toContain('9091');
    expect(names(typeUrls.route)).toEqual([]);
  });
});
