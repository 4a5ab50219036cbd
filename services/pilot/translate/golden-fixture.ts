// Golden tests of translation: each `NAME.in.yaml` of a folder is a small mesh and a proxy, `NAME.out.yaml` what the proxy is sent.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { ConfigResource, Endpoint, Service } from '../../../events/model.ts';
import { defaultMeshConfig, type MeshConfig } from '../../../mesh/config/mesh-config.ts';
import type { Snapshot } from '../../../mesh/snapshot.ts';
import { endpointAt, httpService, resourceOf, snapshotOf } from '../../../mesh/snapshot-fixture.ts';
import { setToJson } from './json.ts';
import { createMemo } from './memo.ts';
import { proxyContextOfJson } from './node.ts';
import type { ProxyContext } from './proxy-context.ts';
import { translate } from './translate.ts';
import type { TypeUrl } from './translation.ts';

/** What a golden input holds. Services are `httpService`s unless they say more; an endpoint names its service. */
interface GoldenInput {
  readonly node?: { readonly id?: string };
  readonly mesh?: Partial<MeshConfig>;
  readonly services?: readonly (Partial<Service> & { readonly name: string })[];
  readonly endpoints?: readonly (Partial<Endpoint> & { readonly service: string; readonly address: string })[];
  readonly config?: readonly (Partial<ConfigResource> & Pick<ConfigResource, 'kind' | 'name' | 'spec'>)[];
  /** Regular expression on names of what is shown, where much else is made. */
  readonly show?: string;
}

const defaultNodeId = 'sidecar~10.0.0.1~client.default~default.svc.cluster.local';

/** Declares a test for each input in `folder`. With GOLDEN=rewrite it writes the outputs, and deletes those without an input. */
export function goldenTests(folder: string, typeUrl: TypeUrl): void {
  const rewrite = process.env.GOLDEN === 'rewrite';
  const files = readdirSync(folder).sort();
  const names = files.filter((file) => file.endsWith('.in.yaml')).map((file) => file.slice(0, -'.in.yaml'.length));
  for (const file of files.filter((name) => name.endsWith('.out.yaml'))) {
    const stale = !names.includes(file.slice(0, -'.out.yaml'.length));
    if (stale && rewrite) rmSync(join(folder, file));
    else if (stale) it(`${file} has an input`, () => expect.unreachable('run npm run golden'));
  }
  for (const name of names) {
    it(name, () => {
      const out = join(folder, `${name}.out.yaml`);
      const text = goldenOutput(readFileSync(join(folder, `${name}.in.yaml`), 'utf8'), typeUrl);
      if (rewrite) writeFileSync(out, text);
      expect(existsSync(out) ? readFileSync(out, 'utf8') : '').toBe(text);
    });
  }
}

function goldenOutput(input: string, typeUrl: TypeUrl): string {
  const { snapshot, context, show } = readGolden(input);
  const shown = setToJson(translate(snapshot, context, createMemo()).resources(typeUrl)).filter((resource) =>
    show.test(nameOf(resource)),
  );
  return stringify(shown.map(withoutDefaults), { lineWidth: 0, aliasDuplicateObjects: false });
}

/** The mesh and the proxy of a golden input; `show` matches the names of what its output shows. */
export function readGolden(input: string): {
  readonly snapshot: Snapshot;
  readonly context: ProxyContext;
  readonly show: RegExp;
} {
  const { node, mesh, services = [], endpoints = [], config = [], show = '' } = parse(input) as GoldenInput;
  const all = services.map(({ name, ...over }) => httpService(name, over));
  const result = proxyContextOfJson({ id: defaultNodeId, ...node });
  if ('problem' in result) throw new Error(result.problem);
  const snapshot = snapshotOf({
    services: all,
    endpoints: endpoints.map(({ service: name, address, ...over }) => {
      const service = all.find((candidate) => candidate.name === name);
      if (service === undefined) throw new Error(`no service ${name}`);
      return endpointAt(service, address, over);
    }),
    config: config.map(({ kind, name, spec, ...over }) => resourceOf(kind, name, spec, over)),
    mesh: { ...defaultMeshConfig, ...mesh },
  });
  return { snapshot, context: result.context, show: new RegExp(show) };
}

function nameOf({ name, clusterName }: JsonObject): string {
  return typeof name === 'string' ? name : JSON.stringify(clusterName);
}

/** Thresholds that are all Istio's default say nothing in a golden file; the case `defaults` shows them once. */
function withoutDefaults(resource: JsonObject): JsonObject {
  const { circuitBreakers, ...rest } = resource;
  const isDefault = JSON.stringify(circuitBreakers) === defaultThresholds && rest.name !== 'PassthroughCluster';
  return isDefault || circuitBreakers === undefined ? rest : { ...rest, circuitBreakers };
}

const unlimited = 4294967295;
const defaultThresholds = JSON.stringify({
  thresholds: [
    {
      maxConnections: unlimited,
      maxPendingRequests: unlimited,
      maxRequests: unlimited,
      maxRetries: unlimited,
      trackRemaining: true,
    },
  ],
});
