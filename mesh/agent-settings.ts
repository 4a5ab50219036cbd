// How a proxy is to be started, as Pilot tells its agent: type and name of the resource, and how levels of settings are merged. Pure.
import type { ProxySettings } from './config/schemas/agent-settings.ts';

/** Type of the resource: an object of AgentSettings in JSON. */
export const agentSettingsTypeUrl = 'type.googleapis.com/google.protobuf.Struct';
/** Its only name: each agent is sent its own. */
export const agentSettingsName = 'agent';

/** Of a level what it sets. */
export function settingsIn({
  concurrency,
  proxyMetadata,
  readinessProbe,
}: { readonly [Field in keyof ProxySettings]?: ProxySettings[Field] | undefined }): ProxySettings {
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(proxyMetadata && { proxyMetadata }),
    ...(readinessProbe && { readinessProbe }),
  };
}

/** Merges levels as istiod does (pilot/pkg/model/proxy_config.go): later ones win, variables one by one, a probe as a whole. */
export function mergeSettings(levels: readonly (ProxySettings | undefined)[]): ProxySettings {
  let merged: ProxySettings = {};
  for (const level of levels) {
    const proxyMetadata = { ...merged.proxyMetadata, ...level?.proxyMetadata };
    merged = { ...merged, ...level, ...(Object.keys(proxyMetadata).length > 0 && { proxyMetadata }) };
  }
  return merged;
}
