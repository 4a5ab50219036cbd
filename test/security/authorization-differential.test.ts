// 10,000 random pairs of policies and requests: what a real Envoy does with what we translate is what the reference evaluator says.
import { generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultMeshConfig, type MeshConfig } from '../../mesh/config/mesh-config.ts';
import { resourceOf } from '../../mesh/snapshot-fixture.ts';
import { evaluatePolicies } from '../../services/pilot/translate/security/evaluate.ts';
import type { RequestDescription } from '../../services/pilot/translate/security/evaluate-rule.ts';
import { jwtFilter } from '../../services/pilot/translate/security/jwt-filter.ts';
import { rbacHttpFilters, rbacNetworkFilters } from '../../services/pilot/translate/security/rbac-filters.ts';
import type { AuthorizationPolicy } from '../../services/pilot/translate/security/select-policies.ts';
import { startEnvoy, type TestEnvoy } from '../support/envoy.ts';
import { freePorts } from '../support/free-port.ts';
import { randomNumbers } from '../support/random-changes.ts';
import { type KeyPair, makeAuthority } from '../traffic/certificates.ts';
import { policyBootstrap, setHeader } from './policy-envoy.ts';
import { clientAddresses, peerIds, randomPolicies, requestPaths, serverNames, tokenClaims } from './random-policies.ts';

const seed = Number(process.env.SEED ?? 20261122);
const httpSets = 300;
const requestsPerSet = 30;
const tcpSets = 50;
const connectionsPerSet = 30;
const mesh: MeshConfig = { ...defaultMeshConfig, trustDomainAliases: ['old.example'] };

interface HttpPair {
  readonly set: number;
  readonly request: RequestDescription;
  readonly peer: number;
  readonly token: number;
  /** The path as it is sent. */
  readonly path: string;
}

describe('the reference evaluator and a real Envoy', () => {
  const random = randomNumbers(seed);
  let envoy: TestEnvoy;
  let authority: string;
  let ports: number[];
  let pools: ReturnType<typeof randomPolicies>;
  const peers: (KeyPair | undefined)[] = [];
  const tokens: (string | undefined)[] = [];
  let httpPolicies: AuthorizationPolicy[][];
  let tcpPolicies: AuthorizationPolicy[][];
  const agents = new Map<string, http.Agent>();
  /** What Envoy's normalisation makes of the paths: the evaluator is told that. */
  const normalPaths = new Map<string, string>();

  beforeAll(async () => {
    ports = await freePorts(2 + tcpSets);
    pools = randomPolicies(random, ports.slice(0, 3));
    const ca = await makeAuthority('mesh');
    authority = ca.certificate;
    for (const id of peerIds) peers.push(id === undefined ? undefined : await ca.issue('peer', [id]));
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const claims of tokenClaims) {
      const signer = new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'k' }).setExpirationTime('1h');
      tokens.push(claims && (await signer.sign(privateKey)));
    }
    const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES256' }] });
    const authentication = resourceOf('RequestAuthentication', 'jwt', {
      jwtRules: [{ issuer: 'https://issuer.example', jwks }],
    });
    const tokenFilter = jwtFilter([authentication], { keySets: new Map(), isRouter: false });
    if (tokenFilter === undefined) throw new Error('no filter for tokens');
    httpPolicies = Array.from({ length: httpSets }, () => pools.policies());
    tcpPolicies = Array.from({ length: tcpSets }, () => pools.policies());
    envoy = await startEnvoy(
      policyBootstrap({
        authority,
        server: await ca.issue('server', ['spiffe://cluster.local/ns/foo/sa/server']),
        httpPorts: { plain: portAt(0), tls: portAt(1) },
        tokens: tokenFilter,
        httpSets: httpPolicies.map((policies) => rbacHttpFilters(policies, mesh)),
        tcpSets: tcpPolicies.map((policies, index) => ({
          port: portAt(2 + index),
          filters: rbacNetworkFilters(policies, mesh),
        })),
      }),
    );
    for (const path of requestPaths) normalPaths.set(path, await pathInside(path));
  });
  afterAll(async () => {
    for (const agent of agents.values()) agent.destroy();
    await envoy?.stop();
  });

  function pathInside(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = http.request({ host: '127.0.0.1', port: portAt(0), path, headers: { [setHeader]: 'none' } });
      call.on('error', reject);
      call.on('response', (response) => {
        response.resume();
        resolve(String(response.headers['x-path']));
      });
      call.end();
    });
  }

  const portAt = (index: number) => ports[index] ?? 0;
  const tlsOptions = (peer: KeyPair, servername: string) => {
    return { ca: authority, cert: peer.certificate, key: peer.key, servername, checkServerIdentity: () => undefined };
  };

  function describeConnection(port: (peer: KeyPair | undefined) => number) {
    const index = Math.floor(random() * peerIds.length);
    const peer = peers[index];
    const principal = peerIds[index];
    const request: RequestDescription = {
      sourceIp: pools.pick(clientAddresses),
      destinationIp: '127.0.0.1',
      destinationPort: port(peer),
      ...(principal ? { principal, sni: pools.pick(serverNames) } : {}),
    };
    return { peer: index, request };
  }

  function httpPair(set: number): HttpPair {
    const { peer, request } = describeConnection((key) => portAt(key ? 1 : 0));
    const { method, host, path, flag, other, forwardedFor } = pools.http();
    const token = Math.floor(random() * tokenClaims.length);
    const claims = tokenClaims[token];
    const described: RequestDescription = {
      ...request,
      ...(forwardedFor ? { remoteIp: forwardedFor } : {}),
      http: {
        method,
        host,
        path: normalPaths.get(path) ?? path,
        headers: { 'x-flag': flag.map(asReceived), 'x-other': other.map(asReceived) },
        ...(claims ? { claims } : {}),
      },
    };
    return { set, peer, token, path, request: described };
  }

  function agentFor(peer: number, sourceIp: string, sni: string): http.Agent {
    const key = `${peer} ${sourceIp} ${sni}`;
    let agent = agents.get(key);
    if (agent === undefined) {
      const pair = peers[peer];
      const settings = { keepAlive: true, maxSockets: 1, localAddress: sourceIp };
      agent = pair ? new https.Agent({ ...settings, ...tlsOptions(pair, sni) }) : new http.Agent(settings);
      agents.set(key, agent);
    }
    return agent;
  }

  function send({ set, peer, token, path, request }: HttpPair): Promise<number> {
    const { http: own, sourceIp, remoteIp, sni = '' } = request;
    const headers: Record<string, string | string[]> = { host: own?.host ?? '', [setHeader]: String(set) };
    for (const [name, values] of Object.entries(own?.headers ?? {})) if (values.length > 0) headers[name] = [...values];
    if (remoteIp) headers['x-forwarded-for'] = remoteIp;
    const bearer = tokens[token];
    if (bearer) headers.authorization = `Bearer ${bearer}`;
    return new Promise((resolve, reject) => {
      const call = (peers[peer] ? https : http).request({
        host: '127.0.0.1',
        port: request.destinationPort,
        method: own?.method,
        path,
        headers,
        agent: agentFor(peer, sourceIp, sni),
      });
      call.on('error', reject);
      call.on('response', (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      });
      call.end();
    });
  }

  /** Whether a connection echoes what it is sent. */
  function echoes({
    peer,
    request,
  }: {
    readonly peer: number;
    readonly request: RequestDescription;
  }): Promise<boolean> {
    const pair = peers[peer];
    const to = { host: '127.0.0.1', port: request.destinationPort, localAddress: request.sourceIp };
    const socket = pair ? tls.connect({ ...to, ...tlsOptions(pair, request.sni ?? '') }) : net.connect(to);
    return new Promise((resolve, reject) => {
      socket.once('data', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('close', () => resolve(false));
      socket.once('error', (error: NodeJS.ErrnoException) =>
        error.code === 'ECONNRESET' ? resolve(false) : reject(error),
      );
      // The TLS inspector waits for as much as a TLS record's header.
      socket.write('hello, is anyone there?');
    });
  }

  it(`agree on ${httpSets * requestsPerSet} HTTP requests`, async () => {
    const pairs = Array.from({ length: httpSets }, (_, set) =>
      Array.from({ length: requestsPerSet }, () => httpPair(set)),
    ).flat();
    const differences: unknown[] = [];
    let allowed = 0;
    await inParallel(pairs, 16, async (pair) => {
      const policies = httpPolicies[pair.set] ?? [];
      const verdict = evaluatePolicies(policies, pair.request, mesh);
      if (verdict.allowed) allowed++;
      const status = await send(pair);
      if (status !== (verdict.allowed ? 200 : 403)) {
        differences.push({ status, verdict, request: pair.request, policies: policies.map(({ spec }) => spec) });
      }
    });
    expect(shortest(differences)).toBe('');
    // Pools in which nearly everything goes one way would prove little.
    expect(allowed / pairs.length).toBeGreaterThan(0.15);
    expect(allowed / pairs.length).toBeLessThan(0.85);
  });

  it(`agree on ${tcpSets * connectionsPerSet} TCP connections`, async () => {
    const pairs = Array.from({ length: tcpSets * connectionsPerSet }, (_, index) => {
      const set = index % tcpSets;
      return { set, ...describeConnection(() => portAt(2 + set)) };
    });
    const differences: unknown[] = [];
    let allowed = 0;
    await inParallel(pairs, 16, async (pair) => {
      const policies = tcpPolicies[pair.set] ?? [];
      const verdict = evaluatePolicies(policies, pair.request, mesh);
      if (verdict.allowed) allowed++;
      if ((await echoes(pair)) !== verdict.allowed) {
        differences.push({ verdict, request: pair.request, policies: policies.map(({ spec }) => spec) });
      }
    });
    expect(shortest(differences)).toBe('');
    expect(allowed).toBeGreaterThan(100);
    expect(allowed).toBeLessThan(pairs.length - 100);
  });
});

/** Blanks around a value are not part of it (RFC 9110, section 5.5). */
function asReceived(value: string): string {
  return value.trim();
}

/** The three shortest of the differences, which are the easiest to understand, and how many there are. */
function shortest(differences: readonly unknown[]): string {
  const texts = differences.map((difference) => JSON.stringify(difference)).sort((a, b) => a.length - b.length);
  return texts.length === 0 ? '' : `${texts.length} differ, such as\n${texts.slice(0, 3).join('\n')}`;
}

async function inParallel<T>(items: readonly T[], workers: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}
