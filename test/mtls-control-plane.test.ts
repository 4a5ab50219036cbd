// xDS over mutual TLS as an attacker meets it: who is let in, as whom, and what another's name gets.
import { ChannelCredentials, Client } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mutualTls, mutualTlsChannel } from '../agent/identity/mutual-tls.ts';
import { controlPlaneId, formatSpiffeId } from '../mesh/spiffe-id.ts';
import { typeUrls } from '../services/pilot/translate/translation.ts';
import { AdsClient } from '../services/pilot/xds/ads-client-fixture.ts';
import { MtlsMesh, trustDomain } from './support/mtls-mesh.ts';
import { periplus } from './support/periplus.ts';
import { waitFor } from './support/wait-for.ts';
import { makeAuthority } from './traffic/certificates.ts';

const nodeId = (namespace: string) => `sidecar~10.9.9.9~web-0.${namespace}~${namespace}.svc.cluster.local`;
const pilotId = formatSpiffeId(controlPlaneId(trustDomain, 'pilot'));

/** Seen in its own namespace alone. */
const hidden = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: hidden, namespace: private }
spec:
  hosts: [hidden.private.svc.cluster.local]
  exportTo: ['.']
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints: [{ address: 10.7.7.7 }]
`;

describe('xDS over mutual TLS', () => {
  let mesh: MtlsMesh;
  let port = 0;
  beforeAll(async () => {
    mesh = await MtlsMesh.start({ 'hidden.yaml': hidden });
    port = await mesh.xdsPort();
  });
  afterAll(async () => await mesh.dispose());

  /** Opens a stream as the service account `shop/web` and asks for `typeUrl`. */
  async function ask(options: { id: string; metadata?: Record<string, string>; typeUrl?: string; names?: string[] }) {
    const own = await mesh.svid('shop', 'web');
    const credentials = mutualTls({ roots: mesh.roots(), serverId: pilotId, own });
    const { typeUrl = typeUrls.cluster, names = [], id, metadata = {} } = options;
    const client = new AdsClient(port, 'delta', { id, metadata, credentials });
    client.delta({ typeUrl, resourceNamesSubscribe: names });
    return client;
  }
  const refusals = async () => {
    const found: { subject: string; data: Record<string, unknown> }[] = [];
    const types = ['io.periplus.delivery.stream-refused'];
    for await (const { subject, data } of mesh.composition.logs.deliveries.read({ types }))
      found.push({ subject, data: Object(data) });
    return found;
  };

  it('gives a proxy its configuration, and knows whose it is', async () => {
    const client = await ask({ id: nodeId('shop'), metadata: { SERVICE_ACCOUNT: 'web' } });
    expect((await client.next()).resources.length).toBeGreaterThan(0);
    const [stream] = [...(mesh.composition.pilot?.streams ?? [])];
    expect(stream?.identity?.spiffeId).toBe('spiffe://cluster.local/ns/shop/sa/web');
    client.close();
  });

  it('refuses the node of another namespace or service account, with a status and an event', async () => {
    const cases = [
      { id: nodeId('default'), says: 'namespace "default"' },
      { id: nodeId('shop'), metadata: { NAMESPACE: 'default' }, says: 'namespace "default"' },
      { id: nodeId('default'), metadata: { NAMESPACE: 'shop' }, says: 'namespace "default"' },
      { id: nodeId('shop'), metadata: { SERVICE_ACCOUNT: 'admin' }, says: 'service account "admin"' },
    ];
    for (const { says, ...node } of cases) {
      const client = await ask(node);
      const { code, details } = await client.status;
      expect([code, details]).toEqual([7, expect.stringContaining(says)]);
      expect(client.unread).toEqual([]);
      client.close();
    }
    await waitFor(async () => (await refusals()).length === cases.length, { what: 'events of the refusals' });
    const [first] = await refusals();
    expect(first?.subject).toBe('refused/spiffe://cluster.local/ns/shop/sa/web');
    expect(first?.data).toMatchObject({ claimed: nodeId('default') });
  });

  it('ends the stream of a banned identity and refuses it again, whatever its node says or leaves out', async () => {
    const own = await mesh.svid('shop', 'mallory');
    const credentials = mutualTls({ roots: mesh.roots(), serverId: pilotId, own });
    const open = (metadata: Record<string, string>) => {
      const client = new AdsClient(port, 'delta', { id: nodeId('shop'), metadata, credentials });
      client.delta({ typeUrl: typeUrls.cluster });
      return client;
    };
    const nodes = [{ SERVICE_ACCOUNT: 'mallory' }, {}, { NAMESPACE: 'shop' }];
    const streams = nodes.map(open);
    for (const client of streams) await client.next();
    const ban = ['ban', 'spiffe://cluster.local/ns/shop/sa/mallory', '--reason', 'test', '--server', mesh.adminUrl];
    expect((await periplus(ban)).code).toBe(0);
    for (const client of [...streams, ...nodes.map(open)]) {
      expect((await client.status).details).toContain('shop/mallory is banned');
      client.close();
    }
    // Others of the namespace, who leave the same out, are served on.
    const other = await ask({ id: nodeId('shop') });
    expect((await other.next()).resources.length).toBeGreaterThan(0);
    other.close();
  });

  it('lets in nobody without a certificate, and nobody of another CA', async () => {
    const foreign = await (await makeAuthority('foreign')).issue('workload', ['spiffe://cluster.local/ns/shop/sa/web']);
    for (const own of [undefined, { certificateChain: foreign.certificate, privateKey: foreign.key }]) {
      const credentials = mutualTls({ roots: mesh.roots(), serverId: pilotId, ...(own && { own }) });
      const client = new AdsClient(port, 'delta', { id: nodeId('shop'), credentials });
      client.delta({ typeUrl: typeUrls.cluster });
      expect((await client.status).code).toBe(14);
      client.close();
    }
  });

  it('hands out nothing of another proxy to who asks for it by name, whether it is known already or not', async () => {
    const names = ['outbound|80||hidden.private.svc.cluster.local', 'hidden.private.svc.cluster.local:80', '80'];
    const asked = async () => {
      const told: string[] = [];
      for (const typeUrl of Object.values(typeUrls)) {
        const client = await ask({ id: nodeId('shop'), metadata: { SERVICE_ACCOUNT: 'web' }, typeUrl, names });
        // Everything that it may see comes after what it asked for by name.
        client.delta({ typeUrl: typeUrls.cluster, resourceNamesSubscribe: ['*'] });
        for (let isDone = false; !isDone; ) {
          const response = await client.next();
          client.ack(response);
          told.push(...response.resources);
          isDone = response.resources.some((resource) => resource.startsWith('BlackHoleCluster='));
        }
        client.close();
      }
      return told.filter((resource) => resource.includes('hidden'));
    };
    expect(await asked()).toEqual([]);
    // Warm: the one who may have it, has it.
    const own = await mesh.svid('private', 'owner');
    const credentials = mutualTls({ roots: mesh.roots(), serverId: pilotId, own });
    const owner = new AdsClient(port, 'delta', { id: nodeId('private'), metadata: {}, credentials });
    owner.delta({ typeUrl: typeUrls.cluster });
    const seen = (await owner.next()).resources;
    expect(seen.some((resource) => resource.startsWith(`${names[0]}=`))).toBe(true);
    expect(await asked()).toEqual([]);
    owner.close();
  });

  it('is served by Pilot alone: another workload of the mesh is not taken for it', async () => {
    const own = await mesh.svid('shop', 'web');
    const credentials = mutualTls({ roots: mesh.roots(), serverId: 'spiffe://cluster.local/ns/shop/sa/pilot', own });
    const client = new AdsClient(port, 'delta', { id: nodeId('shop'), credentials });
    client.delta({ typeUrl: typeUrls.cluster });
    expect((await client.status).code).toBe(14);
    client.close();
  });
});

describe('Mixer where there is a Citadel', () => {
  let mesh: MtlsMesh;
  beforeAll(async () => {
    mesh = await MtlsMesh.start();
  });
  afterAll(async () => await mesh.dispose());

  it('is an endpoint with an identity, speaks mutual TLS with who has one, and plaintext with who has none', async () => {
    const port = mesh.composition.mixer?.port.value ?? 0;
    const endpoints: object[] = [];
    const types = ['io.periplus.registry.endpoint-registered'];
    await waitFor(
      async () => {
        for await (const { data } of mesh.composition.logs.facts.read({ types })) endpoints.push(Object(data));
        return endpoints.length > 0;
      },
      { what: 'Mixer in the registry' },
    );
    expect(endpoints).toContainEqual(
      expect.objectContaining({
        serviceAccount: 'mixer',
        labels: expect.objectContaining({ 'security.istio.io/tlsMode': 'istio' }),
      }),
    );
    const mixerId = formatSpiffeId(controlPlaneId(trustDomain, 'mixer'));
    const own = await mesh.svid('shop', 'web');
    const roots = mesh.roots();
    const foreign = await (await makeAuthority('foreign')).issue('workload', [own.spiffeId]);
    const stranger = { certificateChain: foreign.certificate, privateKey: foreign.key };
    // 3: what is no check is told so, 14: the connection was not had.
    expect(await check(port, mutualTls({ roots, serverId: mixerId, own }))).toBe(3);
    expect(await check(port, ChannelCredentials.createInsecure())).toBe(3);
    expect(await check(port, mutualTls({ roots, serverId: mixerId }))).toBe(14);
    expect(await check(port, mutualTls({ roots, serverId: mixerId, own: stranger }))).toBe(14);
    expect(await check(port, mutualTls({ roots, serverId: pilotId, own }))).toBe(14);
  });
});

/** Status of an empty check. */
function check(port: number, credentials: ChannelCredentials): Promise<number | undefined> {
  const client = new Client(`127.0.0.1:${port}`, credentials, {
    'grpc.use_local_subchannel_pool': 1,
    ...mutualTlsChannel,
  });
  const same = (bytes: Buffer) => bytes;
  return new Promise<number | undefined>((resolve) => {
    const path = '/envoy.service.auth.v3.Authorization/Check';
    const deadline = Date.now() + 20_000;
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), { deadline }, (error) => resolve(error?.code));
  }).finally(() => client.close());
}
