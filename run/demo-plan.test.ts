// The demo's plan and its YAML say the same; every file of the example is read.
import { globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { findTakenPort } from './check-ports.ts';
import { bookinfoFolder, demoConfig, demoMeshFolder } from './demo.ts';
import { demoInstances, demoPorts } from './demo-plan.ts';

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> };
  readonly spec: {
    readonly ingress: readonly { readonly bind: string; readonly defaultEndpoint: string }[];
    readonly egress: readonly { readonly bind: string }[];
  };
  readonly status?: { readonly podIP: string };
}

function read(file: string): Resource[] {
  return parseAllDocuments(readFileSync(join(demoMeshFolder, file), 'utf8')).map(
    (document) => document.toJS() as Resource,
  );
}

describe('the demo’s files', () => {
  it('register each instance at its address with its labels', () => {
    const pods = read('registry.yaml').filter(({ kind }) => kind === 'Pod');
    expect(pods.map(({ metadata, status }) => [metadata.name, status?.podIP, metadata.labels])).toEqual(
      demoInstances.map(({ name, address, app, version }) => [
        name,
        address,
        // Their sidecars have an SVID: callers speak mutual TLS with them.
        { app, version, 'security.istio.io/tlsMode': 'istio' },
      ]),
    );
  });

  it('give each sidecar the listeners that the application relies on', () => {
    const sidecars = read('sidecars.yaml').map(({ metadata, spec }) => ({
      name: metadata.name,
      address: spec.ingress[0]?.bind,
      endpoint: spec.ingress[0]?.defaultEndpoint,
      outbound: spec.egress[0]?.bind,
    }));
    expect(sidecars).toEqual(
      demoInstances.map(({ name, address, appPort, outboundAddress }) => {
        return { name, address, endpoint: `127.0.0.1:${appPort}`, outbound: outboundAddress };
      }),
    );
  });

  it('put the gateway on the port that was chosen', () => {
    const gateway = (port?: number) => demoConfig(port).find(({ file }) => file.endsWith('gateway.yaml'))?.text;
    expect(gateway()).toContain('number: 8080');
    expect(gateway(8099)).toContain('number: 8099');
    expect(gateway(8099)).not.toContain('8080\n');
    expect(globSync('config/*.yaml', { cwd: bookinfoFolder })).toHaveLength(demoConfig().length);
  });
});

describe('findTakenPort', () => {
  it('names a port that another program has, and lets go of those it tried', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const wanted = [{ host: '127.0.0.1', port, use: 'a test' }];
    expect(await findTakenPort(wanted)).toEqual({ port: wanted[0], code: 'EADDRINUSE' });
    await new Promise((resolve) => server.close(resolve));
    expect(await findTakenPort(wanted)).toBeUndefined();
    expect(await findTakenPort(wanted)).toBeUndefined();
  });

  it('is asked for no port twice', () => {
    const places = demoPorts(8080).map(({ host, port }) => `${host}:${port}`);
    expect(new Set(places).size).toBe(places.length);
    expect(places[0]).toBe('127.0.0.1:8080');
  });
});
