// xDS over mutual TLS as an attacker meets it: who is let in, as whom, and what another's name gets.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mutualTls } from '../agent/identity/mutual-tls.ts';
import { controlPlaneId, formatSpiffeId } from '../mesh/spiffe-id.ts';
import { typeUrls } from '../services/pilot/translate/translation.ts';
import { AdsClient } from '../services/pilot/xds/ads-client-fixture.ts';
import { MtlsMesh, trustDomain } from './support/mtls-mesh.ts';
import { waitFor } from './support/wait-for.ts';
import { makeAuthority } from './traffic/certificates.ts';

const nodeId = (namespace: string) => `sidecar~10.9.9.9~web-0.${namespace}~${namespace}.svc.cluster.local`;
const pilotId = formatSpiffeId(controlPlaneId(trustDomain, 'pilot'));

describe('xDS over mutual TLS', () => {
  let mesh: MtlsMesh;
  let port = 0;
  beforeAll(async () => {
    mesh = await MtlsMesh.start();
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

  it('is served by Pilot alone: another workload of the mesh is not taken for it', async () => {
    const own = await mesh.svid('shop', 'web');
    const credentials = mutualTls({ roots: mesh.roots(), serverId: 'spiffe://cluster.local/ns/shop/sa/pilot', own });
    const client = new AdsClient(port, 'delta', { id: nodeId('shop'), credentials });
    client.delta({ typeUrl: typeUrls.cluster });
    expect((await client.status).code).toBe(14);
    client.close();
  });
});
