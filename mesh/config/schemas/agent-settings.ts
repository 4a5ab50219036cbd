// The fields of Istio's ProxyConfig (istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig) that an agent acts on.
import { int32, map, openObject, type Static, text } from './schema.ts';
import { readinessProbeSchema } from './workload-group.ts';

/** One level's settings, as in the mesh's `defaultConfig` and the annotation `proxy.istio.io/config`; other fields may be there. */
export const proxySettingsSchema = openObject({
  concurrency: int32,
  proxyMetadata: map(text),
  readinessProbe: readinessProbeSchema,
});
/** What Pilot sends an agent: the levels below and above its own annotation. */
export const agentSettingsSchema = openObject({ base: proxySettingsSchema, workload: proxySettingsSchema });

/** How a proxy is started; `concurrency` 0 means one thread a core, `proxyMetadata` are environment variables. */
export interface ProxySettings extends Static<typeof proxySettingsSchema> {}
/** See `agentSettingsSchema`. */
export interface AgentSettings extends Static<typeof agentSettingsSchema> {}
