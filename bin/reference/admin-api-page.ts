// docs/reference/admin-api.md and openapi.json: the admin API, from the application that serves it; metrics.md: what it counts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AdapterStatus } from '../../adapters/adapter-status.ts';
import type { MirrorStatus } from '../../events/mirror/mirror.ts';
import { adapterMetrics } from '../../run/adapter-metrics.ts';
import { mirrorMetrics } from '../../run/mirror-metrics.ts';
import { startAdmin } from '../../services/pilot/admin/admin-fixture.ts';
import { PilotMetrics } from '../../services/pilot/metrics.ts';
import { typeUrls } from '../../services/pilot/translate/translation.ts';
import type { StreamIdentity } from '../../services/pilot/xds/stream-observer.ts';
import { codeBlock, markdownTable, page } from './markdown.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
}
interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly Parameter[];
}
interface OpenApi {
  readonly info: { readonly description?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Pages by file name. */
export async function adminApiPages(root: string): Promise<Readonly<Record<string, string>>> {
  const admin = await startAdmin();
  try {
    const answer = async (url: string) => (await admin.app.inject({ url, headers: { host: 'localhost' } })).body;
    const openApi = JSON.parse(await answer('/openapi.json')) as OpenApi & { info: Record<string, unknown> };
    openApi.info.version = packageVersionOf(root);
    const agent = readFileSync(join(root, 'agent/agent.ts'), 'utf8');
    return {
      'admin-api.md': apiPage(openApi),
      'openapi.json': `${JSON.stringify(openApi, null, 2)}\n`,
      'metrics.md': metricsPage(
        `${await answer('/metrics')}${pilotMetrics()}${adapterMetrics([adapterStatus], 0)}${mirrorMetrics([mirrorStatus])}`,
        agent,
      ),
    };
  } finally {
    await admin.stop();
  }
}

function packageVersionOf(root: string): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string }).version;
}

function apiPage({ info, paths }: OpenApi): string {
  const rows = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const tags = [...new Set(rows.map(({ operation }) => operation.tags?.[0] ?? 'other'))];
  return page(
    '# Admin API',
    `${info.description ?? ''} Port 15015. The whole contract is [openapi.json](openapi.json), which a running control plane serves as \`/openapi.json\`.`,
    'Errors have the body `{"code", "message", "problems": [{"severity", "path", "message", …}]}`. Changes name their writer in `actor` and are joined to the trace in the header `traceparent`.',
    codeBlock(
      'sh',
      "curl -s 'http://127.0.0.1:15015/api/v1/config?kind=VirtualService&at=-15m'\ncurl -s --data-binary @canary.yaml -H 'content-type: application/yaml' http://127.0.0.1:15015/api/v1/apply",
    ),
    ...tags.flatMap((tag) => [
      `## ${tag}`,
      markdownTable(
        ['', 'path', 'does', 'parameters'],
        rows
          .filter(({ operation }) => (operation.tags?.[0] ?? 'other') === tag)
          .map(({ method, path, operation }) => [
            method,
            `\`${path}\``,
            operation.summary ?? '',
            (operation.parameters ?? []).map(describeParameter).join('; '),
          ]),
      ),
    ]),
  );
}

function describeParameter({ name, required, description }: Parameter): string {
  return `\`${name}\`${required ? ' (required)' : ''}${description === undefined ? '' : `: ${description}`}`;
}

/** So that each metric of adapters shows its labels. */
const adapterStatus: AdapterStatus = {
  ...{ platform: 'consul', instance: 'dc1', state: 'synced', problems: new Map(), heldCount: 0, dampenedCount: 0 },
  ...{ readAt: '2026-01-01T00:00:00.000Z', changedAt: '2026-01-01T00:00:00.000Z' },
};

/** So that each metric of mirrors shows its labels. */
const mirrorStatus: MirrorStatus = {
  ...{ log: 'facts', target: '', state: 'copying', position: 0, headPosition: 0, sentEvents: 0, failures: 0 },
};

/** Pilot's metrics after one of everything, so that each shows its labels. */
function pilotMetrics(): string {
  const metrics = new PilotMetrics({ nowMs: () => 0 });
  const stream = { protocol: 'delta' } as StreamIdentity;
  const record = {
    typeUrl: typeUrls.cluster,
    nonce: '',
    position: 0,
    whole: true,
    first: true,
    bytes: 0,
    latencyMs: 0,
    sent: () => [],
  };
  metrics.connected(stream);
  metrics.pushed(stream, {
    ...record,
    kept: [],
    manifest: () => ({ typeUrl: '', hash: '', resources: [], removed: [] }) as never,
  });
  metrics.acknowledged(stream, record);
  metrics.rejected(stream, record);
  return metrics.text();
}

interface MetricFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** Families of a Prometheus exposition, or of a source file that writes one. */
function familiesOf(text: string): readonly MetricFamily[] {
  return [...text.matchAll(/# HELP (\S+) (.*?)(?:',?)?\n\s*'?# TYPE \S+ (counter|gauge|histogram)/g)].map((match) => {
    const [, name = '', help = '', type = ''] = match;
    const sample = new RegExp(`^${name}\\{(.*)\\}`, 'm').exec(text)?.[1] ?? '';
    const labels = [...sample.matchAll(/(\w+)="/g)].map(([, label = '']) => label);
    return { name, type, help: help.replace(/\.?$/, '.'), labels };
  });
}

function metricsPage(controlPlane: string, agentSource: string): string {
  const table = (families: readonly MetricFamily[]) =>
    markdownTable(
      ['name', 'type', 'labels', 'means'],
      families.map(({ name, type, labels, help }) => [
        `\`${name}\``,
        type,
        labels.map((label) => `\`${label}\``).join(' '),
        help,
      ]),
    );
  return page(
    '# Metrics',
    'In Prometheus’s text format. Where Istio has the metric, it has Istio’s name, so that existing dashboards go on.',
    '## Control plane',
    '`/metrics` on the admin port (15015), and on a port of its own with `--metrics-port`.',
    table(familiesOf(controlPlane)),
    '## Agent',
    '`/stats/prometheus` on the status port (15020): the application’s metrics (`--app-metrics`), Envoy’s, and these.',
    table(familiesOf(agentSource)),
  );
}
