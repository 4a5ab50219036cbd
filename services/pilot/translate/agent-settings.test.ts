// What agents are told: which ProxyConfigs count, and the probe of the WorkloadGroup.
import { describe, expect, it } from 'vitest';
import { resourceOf, snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { agentSettingsOf } from './agent-settings.ts';
import { sidecarContext } from './context-fixture.ts';

const web = sidecarContext({ namespace: 'default', labels: { app: 'web' } });
const tcpSocket = { port: 8080 };
const config = [
  resourceOf('ProxyConfig', 'b-young', { concurrency: 9 }),
  resourceOf('ProxyConfig', 'a-old', { concurrency: 2, environmentVariables: { A: 'namespace' } }),
  resourceOf('ProxyConfig', 'web', { selector: { matchLabels: { app: 'web' } }, concurrency: 0 }),
  resourceOf('ProxyConfig', 'db', { selector: { matchLabels: { app: 'db' } }, concurrency: 8 }),
  resourceOf('WorkloadGroup', 'vms', { template: {}, probe: { tcpSocket } }),
];
const snapshot = snapshotOf({ services: [], endpoints: [], config });

describe('agentSettingsOf', () => {
  it('takes the first ProxyConfig of each level, and keeps what selects the workload apart', () => {
    expect(agentSettingsOf(snapshot, web)).toEqual({
      base: { concurrency: 2, proxyMetadata: { A: 'namespace' } },
      workload: { concurrency: 0 },
    });
  });

  it('has the probe of the group that the workload is registered with', () => {
    const metadata = { AUTO_REGISTER_GROUP: 'vms' };
    expect(agentSettingsOf(snapshot, { ...web, metadata }).base?.readinessProbe).toEqual({ tcpSocket });
    expect(agentSettingsOf(snapshot, { ...web, namespace: 'other', metadata })).toEqual({ base: {}, workload: {} });
  });
});
