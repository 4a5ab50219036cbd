// MeshConfig disableEnvoyListenerLog: whether connections that no filter chain of a listener takes are in the access log.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { MeshConfigSpec } from '../../../mesh/config/schemas/mesh-config.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { CaseMesh, Place, TrafficCase } from '../case.ts';
import { send } from '../client.ts';
import { gateway, gatewaySelector, meshConfig, virtualService } from '../resources.ts';

const logFile = ({ files }: Pick<Place, 'files'>) => join(dirname(files.ca), 'listener.log');

const logged = (place: Place, more: MeshConfigSpec) =>
  meshConfig({
    accessLogFile: logFile(place),
    accessLogFormat: '%REQUESTED_SERVER_NAME% %RESPONSE_FLAGS%',
    ...more,
  });

/** A connection for a name that the gateway has no server for. */
async function connectFor(mesh: CaseMesh, servername: string): Promise<void> {
  const tls = { ca: mesh.certificates.ca, servername };
  const isTaken = (error: unknown) => Reflect.get(Object(error), 'code') !== 'ECONNREFUSED';
  await assert.rejects(send('/', { port: mesh.ports.spare[0], tls, timeoutMs: 3_000 }), isTaken);
}

/** See the file's first line. */
export const listenerLogCases: readonly TrafficCase[] = [
  {
    name: 'disableEnvoyListenerLog: a name that no server has is not logged, and is without it',
    proves: ['MeshConfig.disableEnvoyListenerLog'],
    resources: (place) => [
      gateway('pass', {
        selector: gatewaySelector,
        servers: [
          {
            port: { number: place.ports.spare[0], name: 'tls', protocol: 'TLS' },
            bind: '127.0.0.1',
            hosts: ['web.example.com'],
            tls: { mode: 'PASSTHROUGH' },
          },
        ],
      }),
      virtualService('pass', {
        hosts: ['web.example.com'],
        gateways: ['pass'],
        tls: [
          {
            match: [{ sniHosts: ['web.example.com'] }],
            route: [{ destination: { host: 'echo', port: { number: place.ports.tls } } }],
          },
        ],
      }),
      logged(place, { disableEnvoyListenerLog: true }),
    ],
    later: (place) => [logged(place, {})],
    run: async (mesh, later) => {
      await connectFor(mesh, 'off.example.com');
      await mesh.apply(...later);
      let text = '';
      await waitFor(
        async () => {
          await connectFor(mesh, 'on.example.com');
          text = readFileSync(logFile(mesh), 'utf8');
          return text.includes('on.example.com NR');
        },
        { what: () => `a line of the listener; so far ${text}`, limitMs: 15_000, everyMs: 50 },
      );
      assert.doesNotMatch(text, /off\.example\.com/);
    },
  },
];
