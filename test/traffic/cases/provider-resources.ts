// MeshConfig extensionProviders that trace: what spans say of the proxy, and how many Dynatrace's sampler lets pass.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OpenTelemetryProvider } from '../../../mesh/config/schemas/extension-provider.ts';
import { OtlpReceiver } from '../../support/otlp-receiver.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { field, isTraced, overGrpc, overHttp, reporting } from './providers.ts';

const tracing = (place: Place, provider: Partial<OpenTelemetryProvider> = {}) =>
  reporting(place, 'tracing', {
    name: 'spans',
    opentelemetry: { ...overGrpc(place), maxTagLength: 8, ...provider },
  });

/** What the first span says of the proxy that it comes from. */
async function resourceOf(mesh: CaseMesh): Promise<Readonly<Record<string, string>>> {
  const receiver = new OtlpReceiver();
  await receiver.startGrpc(mesh.ports.spare[5]);
  const urls = () => receiver.spans.map(({ attributes }) => attributes['http.url'] ?? '');
  await isTraced(mesh, urls).finally(() => receiver.stop());
  return receiver.spans[0]?.resource ?? {};
}

/** Relative names that Dynatrace's OneAgent answers for stand for files; each of them holds the path of the real one. */
const enrichment = 'dt_metadata_e617c525669e072eebe3d0f08212e8f2.properties';

/** See the file's first line. */
export const providerResourceCases: readonly TrafficCase[] = [
  {
    name: 'opentelemetry.serviceAttributeEnrichment and resourceDetectors.environment: names, and what the environment says',
    proves: field('opentelemetry', 'serviceAttributeEnrichment', 'resourceDetectors.environment'),
    resources: (place) => tracing(place),
    later: (place) => [
      ...tracing(place, { resourceDetectors: { environment: {} } }),
      ...tracing(place, { serviceAttributeEnrichment: 'OTEL_SEMANTIC_CONVENTIONS' }),
    ],
    run: async (mesh, later) => {
      const plain = await resourceOf(mesh);
      assert.deepEqual([plain['service.name'], plain['test.of']], ['gateway.istio-system', undefined]);
      const [detected, enriched] = later.filter(({ kind }) => kind === 'ConfigMap');
      assert.ok(detected && enriched);
      await mesh.apply(detected);
      const named = await resourceOf(mesh);
      assert.deepEqual([named['service.name'], named['test.of']], ['gateway.istio-system', 'traffic']);
      await mesh.apply(enriched);
      const semantic = await resourceOf(mesh);
      assert.deepEqual([semantic['service.name'], semantic['test.of']], ['gateway', 'traffic']);
    },
  },
  {
    name: 'opentelemetry.resourceDetectors.dynatrace: what OneAgent’s file says',
    proves: field('opentelemetry', 'resourceDetectors.dynatrace'),
    resources: () => [],
    later: (place) => tracing(place, { resourceDetectors: { dynatrace: {} } }),
    run: async (mesh, later) => {
      const folder = dirname(mesh.files.ca);
      const [name, real] = [join(folder, enrichment), join(folder, 'dt.properties')];
      writeFileSync(real, 'dt.entity.host=HOST-OF-THE-TEST\n');
      writeFileSync(name, real);
      try {
        // The file is read when the configuration comes.
        await mesh.apply(...later);
        assert.equal((await resourceOf(mesh))['dt.entity.host'], 'HOST-OF-THE-TEST');
      } finally {
        rmSync(name);
      }
    },
  },
  {
    name: 'opentelemetry.dynatraceSampler.rootSpansPerMinute: beyond it fewer and fewer requests are traced',
    proves: field('opentelemetry', 'dynatraceSampler.rootSpansPerMinute'),
    resources: (place) => sampled(place, 2),
    later: (place) => sampled(place, 10_000).filter(({ kind }) => kind === 'ConfigMap'),
    run: async (mesh, later) => {
      const traced = async () => {
        const seen: unknown[] = [];
        for (let i = 0; i < 60; i++) seen.push((await mesh.ingress('/')).echo.headers.traceparent);
        return seen.filter((context) => String(context).endsWith('-01')).length;
      };
      const few = await traced();
      assert.ok(few < 30, `${few} of 60 requests are traced`);
      await mesh.apply(...later);
      assert.equal(await traced(), 60);
    },
  },
];

const sampled = (place: Place, rootSpansPerMinute: number) =>
  tracing(place, {
    ...overHttp(place),
    http: { path: '/v1/traces', timeout: '5s' },
    dynatraceSampler: { tenant: 'abc12345', clusterId: 1, rootSpansPerMinute },
  });
