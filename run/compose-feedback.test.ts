import { afterEach, describe, expect, it } from 'vitest';
import { openMemoryLogs } from '../events/logs/memory.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { defaultMeshConfig } from '../mesh/config/mesh-config.ts';
import { createDeliveriesWatch } from '../services/pilot/admin/deliveries-watch.ts';
import { composeFeedback } from './compose-feedback.ts';
import type { ProcessConfig } from './config.ts';

const stop = new AbortController();
afterEach(() => stop.abort());

const proxyId = 'sidecar~10.0.0.1~web.default~default.svc.cluster.local';
const typeUrl = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const rule = { hosts: ['nowhere'], http: [{ route: [{ destination: { host: 'nowhere' } }] }] };

function compose(roles: readonly string[], writesStatus = true) {
  const logs = openMemoryLogs();
  const deliveries = createDeliveriesWatch(logs.deliveries);
  const cluster = { kubeconfig: 'x', context: undefined, clusterId: 'c1', readsConfig: true, writesStatus };
  const config = { roles: new Set(roles), kubernetes: [cluster], name: 'adapters-1' } as unknown as ProcessConfig;
  const pilot = () => {
    throw new Error('there is no Pilot in this process');
  };
  const means = { logs, deliveries, pilot, mesh: defaultMeshConfig, clock: systemClock, logger: silentLogger };
  return { logs, deliveries, parts: composeFeedback(config, means) };
}

const common = { source: '/test', time: '2026-11-22T12:00:00Z', actor: 'system:test', causes: [] };

async function until(isSo: () => boolean): Promise<void> {
  for (const end = performance.now() + 20_000; !isSo(); await systemClock.sleep(5))
    if (performance.now() > end) throw new Error('waited in vain');
}

describe('feedback without a Pilot in the process', () => {
  it('comes from the logs: findings from the facts, proxies from what Pilots elsewhere said', async () => {
    const { logs, deliveries, parts } = compose(['adapters']);
    for (const service of [...(parts?.services ?? []), deliveries]) void service.run(stop.signal).catch(() => {});
    const data = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      namespace: 'default',
      name: 'web',
      spec: rule,
    };
    const subject = 'config/VirtualService/default/web';
    await logs.facts.append([{ event: { ...common, id: '1', type: 'io.periplus.config.applied', subject, data } }]);
    const feedback = parts?.feedback;
    expect(await feedback?.position()).toBe(1);
    await until(() => feedback?.findings()?.position === 1);
    const found = feedback?.findings()?.problems.get('VirtualService/default/web') ?? [];
    expect(found.map(({ code }) => code)).toContain('IST0101');
    expect(feedback?.findings()).toBe(feedback?.findings());

    expect(feedback?.distribution(1)).toMatchObject({ proxies: 0 });
    const say = (id: string, type: string, more: object) =>
      logs.deliveries.append([{ event: { ...common, id, subject: `proxy/${proxyId}`, type, data: more } }]);
    const on = { proxyId, streamId: 's', typeUrl, nonce: '1', position: 1 };
    await say('a', 'io.periplus.delivery.proxy-connected', {
      ...{ proxyId, streamId: 's', pilot: 'pilot-1', peer: '10.0.0.1:1', userAgent: 'envoy', protocol: 'delta' },
      ...{ context: {}, position: 0 },
    });
    await until(() => feedback?.distribution(1).proxies === 1);
    expect(feedback?.distribution(1)).toMatchObject({ waiting: 1, laggards: ['web.default'] });
    await say('b', 'io.periplus.delivery.pushed', { ...on, manifest: 'm', whole: true, bytes: 1 });
    await say('c', 'io.periplus.delivery.acknowledged', { ...on, latencyMs: 1 });
    await say('d', 'io.periplus.delivery.pilot-progressed', {
      pilot: 'pilot-1',
      position: 1,
      waiting: 0,
      laggards: [],
    });
    await until(() => feedback?.distribution(1).waiting === 0);
    expect(feedback?.distribution(2).waiting).toBe(1);
  });

  it('is there only where a status is written', () => {
    expect(compose(['adapters'], false).parts).toBeUndefined();
    expect(compose(['pilot']).parts).toBeUndefined();
  });
});
