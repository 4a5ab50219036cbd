// Regular expressions that would have Envoy refuse a whole configuration: validation refuses the same ones, and no others.
import { describe, expect, it } from 'vitest';
import { re2Fault } from '../../mesh/config/validate/regex.ts';
import { validateWithEnvoy } from '../support/envoy.ts';

const manager = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';

/** A bootstrap that routes by `regex`. */
function bootstrapWith(regex: string): object {
  const routes = [{ match: { safeRegex: { regex } }, directResponse: { status: 200 } }];
  const typedConfig = {
    '@type': manager,
    statPrefix: 'h',
    httpFilters: [{ name: 'router', typedConfig: { '@type': router } }],
    routeConfig: { virtualHosts: [{ name: 'all', domains: ['*'], routes }] },
  };
  const address = { socketAddress: { address: '127.0.0.1', portValue: 0 } };
  const runtime = { name: 'defaults', staticLayer: { 're2.max_program_size.error_level': 32_768 } };
  return {
    admin: { address },
    layeredRuntime: { layers: [runtime] },
    staticResources: {
      listeners: [{ name: 'http', address, filterChains: [{ filters: [{ name: 'http', typedConfig }] }] }],
    },
  };
}

describe('a regular expression', () => {
  it.each([
    '((a{100}){100}){100}',
    '(?:a{1000}){1000}',
    '(a{10}){101}',
    '(b(a{2,10})?){101}',
    '(a{0,10}|b){101}',
    '(a+)+$',
    '(a{10}){100}',
    '(a{10})(b{1000}){1}',
    '(a{0,10}){100}',
    '((a*){1000})*',
    '.{1000}.{1000}.{1000}',
    '\\pL{1000}',
  ])('%s is judged as a real Envoy judges it', async (regex) => {
    const verdict = await validateWithEnvoy(bootstrapWith(regex));
    expect(re2Fault(regex) === undefined, verdict).toBe(verdict === '');
  });
});
