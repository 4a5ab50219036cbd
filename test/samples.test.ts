// Every sample is what Envoy accepts: examples, our own corpus and translation's golden inputs, for sidecars and a gateway.
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { observeFiles, snapshotOfFacts } from '../cli/offline-mesh.ts';
import type { Snapshot } from '../mesh/snapshot.ts';
import { readGolden } from '../services/pilot/translate/golden-fixture.ts';
import { translationToJson } from '../services/pilot/translate/json.ts';
import { createMemo } from '../services/pilot/translate/memo.ts';
import { proxyContextOfJson } from '../services/pilot/translate/node.ts';
import type { ProxyContext } from '../services/pilot/translate/proxy-context.ts';
import { translate } from '../services/pilot/translate/translate.ts';
import { envoyPath, validateWithEnvoy } from './support/envoy.ts';
import { root } from './support/periplus.ts';
import { staticBootstrap } from './support/static-bootstrap.ts';

const bookinfo = ['examples/bookinfo/mesh', 'examples/bookinfo/config'];
const noInput = { readStdin: async () => '' };

/** Proxies that every sample is rendered for: one in front of an app, one beside it without interception, and a gateway. */
const proxies: Readonly<Record<string, ProxyContext>> = {
  'intercepting sidecar': contextOf('sidecar~10.0.0.1~client.default~default.svc.cluster.local', {
    INTERCEPTION_MODE: 'REDIRECT',
    LABELS: { app: 'client' },
  }),
  'sidecar without interception': contextOf('sidecar~127.10.0.1~productpage-v1.default~default.svc.cluster.local', {
    INTERCEPTION_MODE: 'NONE',
    HTTP_PROXY_PORT: '3128',
    LABELS: { app: 'productpage', version: 'v1' },
  }),
  gateway: contextOf('router~10.0.0.9~gateway.istio-system~istio-system.svc.cluster.local', {
    LABELS: { istio: 'ingressgateway' },
  }),
};

function contextOf(id: string, metadata: Record<string, unknown>): ProxyContext {
  const result = proxyContextOfJson({ id, metadata });
  if ('problem' in result) throw new Error(result.problem);
  return result.context;
}

// Envoys that only validate share nothing: as many at once as there are cores to run them.
describe.concurrent('Envoy accepts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-samples-'));
  beforeAll(() => envoyPath().then(() => {}));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function accepted(snapshot: Snapshot, context: ProxyContext): Promise<void> {
    const translation = translate(snapshot, context, createMemo());
    const json = translationToJson(translation);
    expect(json.resources.clusters.length + json.resources.listeners.length).toBeGreaterThan(0);
    expect(await validateWithEnvoy(staticBootstrap(json, mkdtempSync(join(folder, 'one-'))))).toBe('');
  }

  describe('the examples', () => {
    // An adapter's own settings are no resources.
    const files = globSync('examples/*/*.yaml', { cwd: root, exclude: ['examples/adapter-template/**'] }).sort();
    for (const [name, context] of Object.entries(proxies)) {
      for (const file of files) {
        it(`${file}, ${name}`, async () => {
          const paths = [...bookinfo, file].map((path) => join(root, path));
          await accepted(await snapshotOfFiles(paths), context);
        });
      }
    }
  });

  describe('our samples', () => {
    for (const file of globSync('test/samples/*.yaml', { cwd: root }).sort()) {
      for (const [name, context] of Object.entries(proxies)) {
        it(`${file}, ${name}`, async () => {
          await accepted(await snapshotOfFiles([join(root, file)]), context);
        });
      }
    }
  });

  describe('what translation’s golden files show', () => {
    for (const file of globSync('services/pilot/translate/**/*.in.yaml', { cwd: root }).sort()) {
      const input = () => readGolden(readFileSync(join(root, file), 'utf8'));
      const own = input().context;
      // Proxyless gRPC clients read a part of xDS of their own; Envoy is no judge of it.
      if (own.generator === 'envoy') it(`${file}, its own proxy`, async () => accepted(input().snapshot, own));
      for (const [name, context] of Object.entries(proxies)) {
        it(`${file}, ${name}`, async () => {
          await accepted(input().snapshot, context);
        });
      }
    }
  });
});

/** What files give. An overlay's objects replace the earlier ones of the same name, as `apply` after `apply` does. */
async function snapshotOfFiles(paths: readonly string[]): Promise<Snapshot> {
  const builder = snapshotOfFacts([]);
  for (const path of paths) snapshotOfFacts((await observeFiles([path], noInput)).facts, builder);
  return builder.snapshot();
}
