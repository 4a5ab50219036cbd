// Policies on TCP connections through real Envoys: refused by RBAC or by Mixer alike, and reported as they open, go on and end.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/wait-for.ts';
import { PolicyMesh, type Sidecar } from './policy-mesh.ts';

/** Loopback addresses that clients connect from. */
const clients = ['127.0.0.1', '127.0.5.1', '127.0.5.2'] as const;

/** Conditions, and from which of `clients` they refuse. */
const conditions: readonly (readonly [when: string, refused: readonly string[]])[] = [
  ['source.ip == ip("127.0.5.1")', ['127.0.5.1']],
  ['source.ip != ip("127.0.5.1") && context.protocol == "tcp"', ['127.0.0.1', '127.0.5.2']],
  ['(source.ip | ip("127.0.0.1")) == ip("127.0.5.2") || connection.mtls', ['127.0.5.2']],
  ['!connection.mtls && connection.event == "open"', clients],
  ['connection.mtls || context.protocol == "http"', []],
  ['(source.principal | "") != "" || (connection.requested_server_name | "none") != "none"', []],
  ['destination.port > 0 && (connection.sent.bytes | 0) == 0', clients],
  ['request.method == "GET" || source.ip == ip("127.0.0.1")', []],
];

describe('policies on TCP connections', () => {
  const mesh = new PolicyMesh();
  const sidecars = new Map<string, Sidecar>();
  beforeAll(async () => {
    await mesh.start({ mixer: false });
    for (const app of ['lowered', 'unlowered']) sidecars.set(app, await mesh.sidecar(app, { app }, 'TCP'));
  }, 60_000);
  afterAll(async () => {
    await mesh.stop();
  });

  const passes = (app: string, from: string) => isAnswered(sidecars.get(app)?.port ?? 0, from);
  const output = () => [...sidecars.values()].map(({ envoy }) => envoy.output()).join('\n');
  const asked = (app: string) => sidecars.get(app)?.stat(/^ext_authz\.mixer\.total:/) ?? Promise.resolve(0);

  async function apply(app: string, rules: readonly object[]): Promise<void> {
    const metadata = { name: app, namespace: 'default' };
    const spec = { selector: { matchLabels: { app } }, rules };
    await mesh.apply(JSON.stringify({ apiVersion: 'policy.periplus.io/v1', kind: 'Policy', metadata, spec }));
  }

  it('refuse everybody while nobody can be asked', async () => {
    await apply('unlowered', [{ when: 'source.port == 1', deny: {} }]);
    await waitFor(async () => !(await passes('unlowered', '127.0.0.1')), { what: output, limitMs: 30_000 });
    expect(await passes('lowered', '127.0.0.1')).toBe(true);
    await mesh.startMixer();
    await waitFor(async () => await passes('unlowered', '127.0.0.1'), { what: output, limitMs: 30_000 });
  }, 90_000);

  it('refuse the same connections in Envoy and in Mixer', async () => {
    for (const [index, [when, refused]] of conditions.entries()) {
      // Who is refused by this rule alone tells that the policy has come.
      const mark = `127.0.6.${index + 1}`;
      for (const app of sidecars.keys()) {
        // Envoy does not know the port as Mixer does.
        const more = app === 'unlowered' ? ' && source.port >= 0' : '';
        const marked = { when: `source.ip == ip("${mark}")${more}`, deny: {} };
        await apply(app, [{ when: `(${when})${more}`, deny: {} }, marked]);
      }
      for (const app of sidecars.keys()) {
        await waitFor(async () => !(await passes(app, mark)), {
          what: () => `${app}: ${when}\n${output()}`,
          limitMs: 30_000,
        });
        const passed = await Promise.all(clients.map(async (from) => ((await passes(app, from)) ? [from] : [])));
        expect([app, when, ...passed.flat()]).toEqual([app, when, ...clients.filter((one) => !refused.includes(one))]);
      }
    }
    expect(await asked('unlowered')).toBeGreaterThan(0);
  }, 180_000);

  it('ask nobody where Envoy can decide', async () => {
    const before = await asked('lowered');
    await apply('lowered', [{ list: { value: 'source.ip', type: 'IP_ADDRESSES', entries: ['127.0.0.0/24'] } }]);
    await waitFor(async () => !(await passes('lowered', '127.0.5.1')), { what: output, limitMs: 30_000 });
    expect(await passes('lowered', '127.0.0.1')).toBe(true);
    expect(await asked('lowered')).toBe(before);
  }, 60_000);
});

/** Whether the application behind a TCP proxy answers a client of this address. */
function isAnswered(port: number, localAddress: string): Promise<boolean> {
  return new Promise((resolve) => {
    let isAny = false;
    const socket = connect({ port, host: '127.0.0.1', localAddress }, () =>
      socket.write('GET / HTTP/1.1\r\nhost: db\r\nconnection: close\r\n\r\n'),
    );
    socket.on('data', () => (isAny = true)).on('error', () => {});
    socket.on('close', () => resolve(isAny));
  });
}
