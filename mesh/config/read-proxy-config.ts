// Reads a workload's own ProxyConfig: the text of Istio's annotation proxy.istio.io/config, which agents have in $PROXY_CONFIG.
import { settingsIn } from '../agent-settings.ts';
import { checkSchema, isRecord } from './check-schema.ts';
import { type ProxySettings, proxySettingsSchema } from './schemas/agent-settings.ts';
import { trafficConfigSchema } from './schemas/proxy-traffic.ts';
import { readYaml } from './yaml-source.ts';

/** What it says: how the proxy is started, and what Pilot is to know of it; other fields have no effect. */
export interface OwnProxyConfig {
  readonly settings: ProxySettings;
  /** gatewayTopology, proxyHeaders and tracing, as written. */
  readonly traffic: Readonly<Record<string, unknown>>;
}

/** Gives what `text` (YAML or JSON) says, or what is wrong with it. */
export function readProxyConfig(text: string): OwnProxyConfig | { readonly problem: string } {
  const { documents, problems } = readYaml(text, {});
  const [fault] = problems;
  if (fault) return { problem: fault.message };
  const given = documents[0]?.value ?? {};
  if (!isRecord(given)) return { problem: 'expected the fields of a ProxyConfig' };
  const wrong: string[] = [];
  const report = (path: readonly (string | number)[], message: string) =>
    void wrong.push(`${path.join('.')}: ${message}`);
  const settings = checkSchema(proxySettingsSchema, given, [], { report }) as ProxySettings;
  const traffic = Object.entries(given).filter(([name]) => name in trafficConfigSchema.fields);
  checkSchema(trafficConfigSchema, given, [], { report });
  const { concurrency = 0 } = settings;
  if (concurrency < 0) wrong.push(`concurrency: can't be negative, found ${concurrency}`);
  const [problem] = wrong;
  if (problem !== undefined) return { problem };
  return { settings: settingsIn(settings), traffic: Object.fromEntries(traffic) };
}
