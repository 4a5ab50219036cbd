// Credentials through Pilot on real gRPC: who gets which key, when, and what the log holds of it.
import { afterEach, describe, expect, it } from 'vitest';
import type { EventLog } from '../../../events/event-log.ts';
import { MemoryLog } from '../../../events/logs/memory.ts';
import { systemClock } from '../../../lib/clock.ts';
import { silentLogger } from '../../../lib/logger.ts';
import type { CredentialSource, FoundCredential } from '../../../mesh/credential-material.ts';
import { configApplied, resourceOf } from '../../../mesh/snapshot-fixture.ts';
import { Pilot } from '../pilot.ts';
import { replayVerify } from '../replay/replay-verify.ts';
import { typeUrls } from '../translate/translation.ts';
import { AdsClient } from '../xds/ads-client-fixture.ts';
import { mayHoldSecrets } from './may-hold-secrets.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A source that a test fills. */
class FakeSource implements CredentialSource {
  readonly name = 'fake';
  readonly asked: string[] = [];
  readonly #tells = new Map<string, (found: FoundCredential | undefined) => void>();
  readonly #has = new Map<string, FoundCredential>();

  put(namespace: string, name: string, secret: string): void {
    const found = foundOf(namespace, name, secret);
    this.#has.set(`${namespace}/${name}`, found);
    this.#tells.get(`${namespace}/${name}`)?.(found);
  }

  async follow(
    { namespace, name }: { readonly namespace: string; readonly name: string },
    tell: (found: FoundCredential | undefined) => void,
    signal: AbortSignal,
  ): Promise<void> {
    this.asked.push(`${namespace}/${name}`);
    this.#tells.set(`${namespace}/${name}`, tell);
    tell(this.#has.get(`${namespace}/${name}`));
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
}

/** Not a certificate: what the store does does not depend on it. */
function foundOf(namespace: string, name: string, secret: string): FoundCredential {
  const certificate = { fingerprint: `fingerprint-of-${secret}`, notAfter: '2027-01-01T00:00:00.000Z' };
  return {
    material: { certificate: { chain: `CHAIN ${secret}`, privateKey: `KEY ${secret}` } },
    observed: { namespace, name, certificate, digest: `digest-of-${secret}` },
  };
}

const gateway = (namespace: string, name: string, credentialName: string) =>
  configApplied(
    resourceOf(
      'Gateway',
      name,
      {
        selector: { istio: 'ingress' },
        servers: [
          {
            port: { number: 443, name: 'https', protocol: 'HTTPS' },
            hosts: ['a.example.com'],
            tls: { mode: 'SIMPLE', credentialName },
          },
        ],
      },
      { namespace },
    ),
  );

async function start(logs: { readonly facts: EventLog; readonly deliveries: EventLog }, source: CredentialSource) {
  const pilot = new Pilot({
    ...logs,
    clock: systemClock,
    logger: silentLogger,
    name: 'test',
    xds: { host: '127.0.0.1', port: 0 },
    recorder: { flushMs: 1 },
    credentials: [source],
  });
  const stop = new AbortController();
  const ended = pilot.run(stop.signal);
  const stopped = async () => {
    stop.abort();
    await ended;
  };
  cleanups.push(stopped);
  await expect.poll(() => pilot.ready()).toBe(true);
  return { pilot, stop: stopped };
}

async function append(facts: EventLog, fact: ReturnType<typeof gateway>): Promise<void> {
  const time = new Date().toISOString();
  const event = { ...fact, id: `${fact.subject}-${time}`, source: '/test', time, actor: 'user:test', causes: [] };
  await facts.append([{ event }]);
}

const web = 'kubernetes://web-tls';

function ask(
  pilot: Pilot,
  protocol: 'sotw' | 'delta',
  { namespace = 'edge', istio = 'ingress', type = 'router', names = [web] } = {},
): AdsClient {
  const id = `${type}~10.0.0.9~gw.${namespace}~${namespace}.svc.cluster.local`;
  const client = new AdsClient(pilot.xdsPort, protocol, { id, metadata: { LABELS: { istio } } });
  cleanups.push(() => client.close());
  const typeUrl = typeUrls.secret;
  if (protocol === 'sotw') client.sotw({ typeUrl, resourceNames: names });
  else client.delta({ typeUrl, resourceNamesSubscribe: names });
  return client;
}

const held = async (client: AdsClient) => (await client.next()).resources.join();

/** Settles when a cluster response, asked for after it, has come: what else was due has come before. */
async function nothingFor(client: AdsClient): Promise<void> {
  if (client.protocol === 'sotw') client.sotw({ typeUrl: typeUrls.cluster });
  else client.delta({ typeUrl: typeUrls.cluster });
  expect((await client.next()).typeUrl).toBe(typeUrls.cluster);
}

async function textOf(log: EventLog): Promise<string> {
  let text = '';
  for await (const event of log.read()) text += JSON.stringify(event);
  return text;
}

describe.each(['sotw', 'delta'] as const)('credentials over %s', (protocol) => {
  async function served() {
    const logs = { facts: new MemoryLog(), deliveries: new MemoryLog() };
    await append(logs.facts, gateway('default', 'web', 'web-tls'));
    const source = new FakeSource();
    source.put('edge', 'web-tls', 'one');
    source.put('edge', 'other-tls', 'other');
    source.put('shop', 'web-tls', 'shop');
    return { ...logs, source, ...(await start(logs, source)) };
  }

  it('gives a gateway the key that its Gateway names, from the gateway’s own namespace, and the next one when it changes', async () => {
    const { pilot, source } = await served();
    const client = ask(pilot, protocol);
    const first = await client.next();
    expect(first.resources.join()).toContain('KEY one');
    client.ack(first, [web]);
    source.put('edge', 'web-tls', 'two');
    expect(await held(client)).toContain('KEY two');
  });

  it('gives nobody a key that no Gateway of theirs names, whether or not Pilot holds it', async () => {
    const { pilot, source } = await served();
    const cold = ask(pilot, protocol, { names: ['kubernetes://other-tls', 'kubernetes://../shop/web-tls'] });
    await nothingFor(cold);
    expect(await held(ask(pilot, protocol))).toContain('KEY one');
    // Now that it is held, others ask for it by name.
    await nothingFor(ask(pilot, protocol, { istio: 'egress' }));
    await nothingFor(ask(pilot, protocol, { type: 'sidecar' }));
    expect(await held(ask(pilot, protocol, { namespace: 'shop' }))).toContain('KEY shop');
    expect(source.asked.sort()).toEqual(['edge/web-tls', 'shop/web-tls']);
  });

  it('keeps keys out of the logs, and replays say the same versions', async () => {
    const { pilot, facts, deliveries, stop } = await served();
    const client = ask(pilot, protocol);
    client.ack(await client.next(), [web]);
    await expect.poll(async () => (await textOf(deliveries)).includes('delivery.acknowledged')).toBe(true);
    await stop();
    const everything = (await textOf(facts)) + (await textOf(deliveries));
    expect(everything).toContain('fingerprint-of-one');
    expect(everything).not.toContain('KEY');
    expect(everything).not.toContain('CHAIN');
    const result = await replayVerify({ facts, deliveries });
    expect(result).toMatchObject({ ok: true, mismatches: [], unchecked: [] });
    expect(result.resources).toBeGreaterThan(0);
  });

  it('after a restart serves what the log knows as soon as the key is read again', async () => {
    const { facts, deliveries, pilot, stop } = await served();
    expect(await held(ask(pilot, protocol))).toContain('KEY one');
    await stop();
    const { position } = await facts.head();
    const source = new FakeSource();
    const again = await start({ facts, deliveries }, source);
    const client = ask(again.pilot, protocol);
    if (protocol === 'delta') {
      // Looked for in vain: a listener that waits for it may open.
      const missing = await client.next();
      expect(missing).toMatchObject({ typeUrl: typeUrls.secret, resources: [], removed: [web] });
      client.ack(missing);
    } else await nothingFor(client);
    source.put('edge', 'web-tls', 'one');
    expect(await held(client)).toContain('KEY one');
    // Found to be missing, then there again: two facts, and no more.
    expect((await facts.head()).position).toBeLessThanOrEqual(position + 2);
  });
});

describe('mayHoldSecrets', () => {
  it.each([
    ['127.0.0.1:5', true],
    ['[::1]:5', true],
    ['[::ffff:127.0.0.1]:5', true],
    ['10.0.0.1:5', false],
    ['127.0.0.1.example:5', false],
    ['[fe80::1]:5', false],
    ['', false],
  ])('over plaintext a peer at %s: %s', (peer, expected) => expect(mayHoldSecrets({ peer })).toBe(expected));

  it('over mutual TLS a peer anywhere, for its certificate agrees with the namespace that it claims', () => {
    const spiffeId = 'spiffe://cluster.local/ns/edge/sa/gateway';
    expect(mayHoldSecrets({ peer: '10.0.0.1:5', spiffeId })).toBe(true);
  });

  it('over mutual TLS any peer', () => {
    expect(mayHoldSecrets({ peer: '10.0.0.1:5', spiffeId: 'spiffe://cluster.local/ns/edge/sa/gateway' })).toBe(true);
  });
});
