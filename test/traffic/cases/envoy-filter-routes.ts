// EnvoyFilter: what each operation does to route configurations, virtual hosts, routes and clusters, seen by requests.
import assert from 'node:assert/strict';
import type { TrafficCase } from '../case.ts';
import { any, filter, patch, patches, status } from '../envoy-filter-patches.ts';
import { virtualService } from '../resources.ts';

const answers = (name: string, path: string, status: number) => ({
  name,
  match: { path },
  direct_response: { status },
});

/** See the file's first line. */
export const envoyFilterRouteCases: readonly TrafficCase[] = [
  {
    name: 'ROUTE_CONFIGURATION MERGE and MERGE_AND_REPLACE_LIST: headers of every response',
    proves: [`${patches}.applyTo`],
    resources: ({ ports }) => {
      const header = (key: string) => ({ response_headers_to_add: [{ header: { key, value: 'seen' } }] });
      const at = (name: number) => ({ routeConfiguration: { name: `${name}` } });
      return [
        filter(
          patch('ROUTE_CONFIGURATION', 'MERGE', at(ports.http), header('x-one')),
          patch('ROUTE_CONFIGURATION', 'MERGE', at(ports.http), header('x-two')),
          patch('ROUTE_CONFIGURATION', 'MERGE', at(ports.alt), header('x-one')),
          patch('ROUTE_CONFIGURATION', 'MERGE_AND_REPLACE_LIST', at(ports.alt), header('x-two')),
        ),
      ];
    },
    run: async (mesh) => {
      const seen = async (port: number) => {
        const { headers } = await mesh.get('/', { port, host: `echo:${port}` });
        return [headers['x-one'], headers['x-two']];
      };
      assert.deepEqual(await seen(mesh.ports.http), ['seen', 'seen']);
      assert.deepEqual(await seen(mesh.ports.alt), [undefined, 'seen']);
    },
  },
  {
    name: 'VIRTUAL_HOST ADD, REMOVE and REPLACE',
    proves: [`${patches}.patch.operation`],
    resources: ({ ports }) => {
      const at = (name: string) => ({
        routeConfiguration: { name: `${ports.http}`, vhost: { name: `${name}:${ports.http}` } },
      });
      const host = (name: string, code: number) => ({
        name,
        domains: [name],
        routes: [answers('patched', '/', code)],
      });
      return [
        filter(
          patch('VIRTUAL_HOST', 'ADD', { routeConfiguration: { name: `${ports.http}` } }, host('added.test', 218)),
          patch('VIRTUAL_HOST', 'REPLACE', at('other.default.svc.cluster.local'), host('replaced.test', 219)),
          patch('VIRTUAL_HOST', 'REMOVE', at('echo.shop.svc.cluster.local')),
          patch('VIRTUAL_HOST', 'REMOVE', { routeConfiguration: { vhost: { name: 'allow_any' } } }),
        ),
      ];
    },
    run: async (mesh) => {
      assert.deepEqual(
        await Promise.all(
          ['added.test', 'replaced.test', 'other', 'echo.shop', 'echo'].map((host) => status(mesh, '/', host)),
        ),
        [218, 219, 404, 404, 200],
      );
    },
  },
  {
    name: 'HTTP_ROUTE ADD, INSERT_FIRST, INSERT_BEFORE, INSERT_AFTER, REMOVE',
    proves: [`${patches}.patch.operation`],
    resources: ({ ports }) => {
      const at = (route?: string) => ({
        routeConfiguration: {
          vhost: { name: `echo.default.svc.cluster.local:${ports.http}`, ...(route && { route: { name: route } }) },
        },
      });
      const rule = (name: string, prefix: string, code: number) => ({
        name,
        match: [{ uri: { prefix } }],
        directResponse: { status: code },
      });
      return [
        virtualService('echo', {
          hosts: ['echo'],
          http: [rule('one', '/one', 211), rule('two', '/two', 212), rule('gone', '/gone', 213)],
        }),
        filter(
          patch('HTTP_ROUTE', 'ADD', at(), answers('last', '/one/last', 221)),
          patch('HTTP_ROUTE', 'ADD', at(), answers('only', '/only', 222)),
          patch('HTTP_ROUTE', 'INSERT_FIRST', at(), answers('first', '/one/first', 223)),
          patch('HTTP_ROUTE', 'INSERT_BEFORE', at('two'), answers('before', '/two/before', 224)),
          patch('HTTP_ROUTE', 'INSERT_AFTER', at('two'), answers('after', '/two/after', 225)),
          patch('HTTP_ROUTE', 'REMOVE', at('gone')),
        ),
      ];
    },
    run: async (mesh) => {
      const paths = ['/one/last', '/only', '/one/first', '/two/before', '/two/after', '/two', '/gone'];
      // What stands after a rule that takes its path is never reached.
      assert.deepEqual(await Promise.all(paths.map((path) => status(mesh, path))), [211, 222, 223, 224, 212, 212, 404]);
    },
  },
  {
    name: 'CLUSTER MERGE: a setting that no other resource has; HTTP_ROUTE MERGE and MERGE_AND_REPLACE_LIST',
    proves: [`${patches}.applyTo`],
    resources: (place) => {
      const { ports } = place;
      const route = { routeConfiguration: { vhost: { name: `echo.default.svc.cluster.local:${ports.http}` } } };
      const header = (key: string) => ({ response_headers_to_add: [{ header: { key, value: 'seen' } }] });
      return [
        filter(
          // No request may be under way: all are refused.
          patch(
            'CLUSTER',
            'MERGE_AND_REPLACE_LIST',
            { cluster: { service: 'other.default.svc.cluster.local' } },
            {
              circuit_breakers: { thresholds: [{ max_connections: 0, max_pending_requests: 0, max_requests: 0 }] },
            },
          ),
          patch(
            'CLUSTER',
            'MERGE',
            { cluster: { service: 'echo.shop.svc.cluster.local' } },
            {
              typed_extension_protocol_options: {
                'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': any(
                  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
                  {
                    common_http_protocol_options: { max_requests_per_connection: 1 },
                    explicit_http_config: { http_protocol_options: {} },
                  },
                ),
              },
            },
          ),
          patch('HTTP_ROUTE', 'MERGE', route, header('x-one')),
          patch('HTTP_ROUTE', 'MERGE_AND_REPLACE_LIST', route, header('x-two')),
        ),
      ];
    },
    run: async (mesh) => {
      const { headers } = await mesh.get('/');
      assert.deepEqual([headers['x-one'], headers['x-two']], [undefined, 'seen']);
      assert.equal(await status(mesh, '/', 'other'), 503);
      const connection = async () => (await mesh.get('/', { host: 'echo.shop' })).echo.connection;
      assert.notEqual(await connection(), await connection(), 'a connection for each request');
    },
  },
];
