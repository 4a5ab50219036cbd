// How an agent is to start its proxy, and what it probes: MeshConfig's defaultConfig, ProxyConfigs and its WorkloadGroup, as istiod merges them.
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { agentSettingsName, mergeSettings, settingsIn } from '../../../mesh/agent-settings.ts';
import type { AgentSettings, ProxySettings } from '../../../mesh/config/schemas/agent-settings.ts';
import type { ProxyConfigSpec } from '../../../mesh/config/schemas/proxy-config.ts';
import type { WorkloadGroupSpec } from '../../../mesh/config/schemas/workload-group.ts';
import { selects } from '../../../mesh/service-entry.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { encodeResource } from './encode.ts';
import type { Memo } from './memo.ts';
import type { ProxyContext } from './proxy-context.ts';
import type { ProxyScope } from './proxy-scope.ts';
import { resourceSet } from './resource-set.ts';
import { type ResourceSet, typeUrls } from './translation.ts';

/** What of a snapshot the settings depend on. */
export function agentSettingsRead({ config, mesh }: Snapshot): readonly unknown[] {
  return [config.list('ProxyConfig'), config.list('WorkloadGroup'), mesh];
}

/** One resource for every proxy: an agent that waits for it must be told that there is nothing to know. */
export function agentSettingsSet({ context, snapshot }: ProxyScope, memo: Memo): ResourceSet {
  const settings = agentSettingsOf(snapshot, context);
  return memo.get('agent-settings', [JSON.stringify(settings)], () => {
    const message = fromJson(StructSchema, settings as JsonValue & object);
    return resourceSet([encodeResource(typeUrls.agentSettings, agentSettingsName, StructSchema, message)]);
  });
}

/**
 * Of each level the oldest ProxyConfig counts: the root namespace's and the namespace's without a selector, and the one that selects the
 * workload. The workload's own annotation comes between `base` and `workload`, and stays with its agent.
 */
export function agentSettingsOf(snapshot: Snapshot, context: ProxyContext): AgentSettings {
  const { rootNamespace, proxySettings } = snapshot.mesh;
  const { namespace, labels } = context;
  const within = (where: string) =>
    snapshot.config.list<ProxyConfigSpec>('ProxyConfig').filter((config) => config.namespace === where);
  const ofNamespace = (where: string) =>
    settingsOf(within(where).find(({ spec }) => spec.selector === undefined)?.spec);
  const selected = within(namespace).find(({ spec: { selector } }) => {
    const wanted = selector?.matchLabels ?? {};
    return Object.keys(wanted).length > 0 && selects(wanted, labels);
  });
  const group = context.metadata?.AUTO_REGISTER_GROUP;
  const probe = group && snapshot.config.get<WorkloadGroupSpec>('WorkloadGroup', namespace, group)?.spec.probe;
  const levels = [proxySettings, ofNamespace(rootNamespace), namespace === rootNamespace ? {} : ofNamespace(namespace)];
  return {
    base: mergeSettings([...levels, probe ? { readinessProbe: probe } : {}]),
    workload: settingsOf(selected?.spec),
  };
}

function settingsOf({ concurrency, environmentVariables: proxyMetadata }: ProxyConfigSpec = {}): ProxySettings {
  return settingsIn({ concurrency, proxyMetadata });
}
