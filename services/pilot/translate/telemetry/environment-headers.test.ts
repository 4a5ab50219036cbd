// Headers whose value is a variable of the control plane's environment.
import { describe, expect, it } from 'vitest';
import { defaultMeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { ExtensionProvider } from '../../../../mesh/config/schemas/extension-provider.ts';
import { snapshotOf } from '../../../../mesh/snapshot-fixture.ts';
import { createMemo } from '../memo.ts';
import { noEnvironment, withHeaderValues } from './environment-headers.ts';

const server = { service: 'collector', port: 80 };
const snapshotWith = (...extensionProviders: ExtensionProvider[]) =>
  snapshotOf({ mesh: { ...defaultMeshConfig, extensionProviders } });
const headers = [
  { name: 'a', value: '1' },
  ...['TOKEN', 'NONE', 'PERIPLUS_KEY'].map((envName) => ({ name: envName, envName })),
];
const filled = ['1', 'secret', '', ''];
const environment = { TOKEN: 'secret', PERIPLUS_KEY: 'own' };
const valuesOf = (given: readonly { readonly value?: string }[] | undefined) => given?.map(({ value }) => value);

describe('headers with envName', () => {
  it('get their values, except of the control plane’s own variables', () => {
    const service = { ...server, http: { headers } };
    const snapshot = snapshotWith(
      { name: 'zipkin', zipkin: { ...server, headers } },
      { name: 'http', opentelemetry: { ...server, http: { headers }, dynatraceSampler: { httpService: service } } },
      { name: 'grpc', opentelemetry: { ...server, grpc: { initialMetadata: headers } } },
    );
    const [zipkin, http, grpc] = withHeaderValues(snapshot, environment, createMemo()).mesh.extensionProviders ?? [];
    expect(valuesOf(zipkin?.zipkin?.headers)).toEqual(filled);
    expect(valuesOf(http?.opentelemetry?.http?.headers)).toEqual(filled);
    expect(valuesOf(http?.opentelemetry?.dynatraceSampler?.httpService?.http?.headers)).toEqual(filled);
    expect(valuesOf(grpc?.opentelemetry?.grpc?.initialMetadata)).toEqual(filled);
  });

  it('leave a snapshot without such, and one that people are shown, as it is', () => {
    const memo = createMemo();
    const plain = snapshotWith({ name: 'zipkin', zipkin: { ...server, headers: [{ name: 'a', value: '1' }] } });
    expect(withHeaderValues(plain, environment, memo)).toBe(plain);
    const named = snapshotWith({ name: 'zipkin', zipkin: { ...server, headers } });
    expect(withHeaderValues(named, noEnvironment, memo)).toBe(named);
    expect(withHeaderValues(named, environment, memo)).toBe(withHeaderValues(named, environment, memo));
  });
});
