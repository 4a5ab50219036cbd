// Fetches a key set from where a policy says, as an attacker may have written it: bounded, never inside, never redirected.
import { lookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { BlockList, isIP } from 'node:net';
import tls from 'node:tls';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';

/** What a fetch may do. */
export interface JwksFetchOptions {
  /** Whole fetch, names included, in ms. Default 5 s: Istio's, and nobody waits for it. */
  readonly timeoutMs?: number;
  /** Default 256 KiB: key sets have a few kilobytes, and what is fetched is recorded and sent to proxies. */
  readonly maxBytes?: number;
  /**
   * Whether addresses of loopback, private and link-local networks may be asked. Default false: a policy's author is not trusted to
   * reach what only the control plane reaches. Set it for an issuer inside the mesh.
   */
  readonly allowPrivate?: boolean;
  /** Resolves a name; the system's resolver by default. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
  readonly signal?: AbortSignal;
}

/** The key set as text, or what was wrong. */
export type JwksResult = { readonly jwks: string } | { readonly problem: string };

const defaultTimeoutMs = 5_000;
const defaultMaxBytes = 256 * 1024;

/** Fetches `uri`: a JSON Web Key Set, or an OpenID configuration that names one in `jwks_uri` (followed once). */
export async function fetchJwks(uri: string, options: JwksFetchOptions = {}): Promise<JwksResult> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs);
  const signal = options.signal ? AbortSignal.any([timeout, options.signal]) : timeout;
  try {
    const first = parsed(await fetchText(uri, { ...options, signal }));
    if (Array.isArray(first.keys)) return keySetOf(first.keys);
    if (typeof first.jwks_uri !== 'string')
      return { problem: 'neither a JSON Web Key Set nor an OpenID configuration' };
    const second = parsed(await fetchText(first.jwks_uri, { ...options, signal }));
    if (Array.isArray(second.keys)) return keySetOf(second.keys);
    return { problem: `${first.jwks_uri} is not a JSON Web Key Set` };
  } catch (error) {
    return { problem: timeout.aborted ? 'took too long' : messageOf(error).slice(0, 500).toWellFormed() };
  }
}

/** Public parts only, whatever else an issuer publishes by mistake: this is recorded for good. */
function keySetOf(keys: readonly unknown[]): JwksResult {
  const known = keys.flatMap((key) => (typeof key === 'object' && key !== null ? [publicPart(key)] : []));
  return known.length === 0 ? { problem: 'the key set is empty' } : { jwks: JSON.stringify({ keys: known }) };
}

const publicMembers = ['kty', 'use', 'key_ops', 'alg', 'kid', 'n', 'e', 'crv', 'x', 'y', 'x5c', 'x5t', 'x5t#S256'];

function publicPart(key: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(key).filter(([name]) => publicMembers.includes(name)));
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MeshError('invalid', 'the answer is not JSON');
  }
  if (typeof value !== 'object' || value === null) throw new MeshError('invalid', 'the answer is not a JSON object');
  return value as Readonly<Record<string, unknown>>;
}

async function fetchText(uri: string, options: JwksFetchOptions & { readonly signal: AbortSignal }): Promise<string> {
  const url = URL.parse(uri);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') throw new MeshError('invalid', 'not an http(s) URL');
  if (url.username !== '' || url.password !== '') throw new MeshError('invalid', 'the URL carries credentials');
  const address = await addressOf(url.hostname.replace(/^\[|\]$/g, ''), options);
  return await get(url, address, options);
}

/** The address to connect to. It is looked up once and connected to as it is: a second look-up could answer otherwise (rebinding). */
async function addressOf(hostname: string, options: JwksFetchOptions): Promise<string> {
  const resolve = options.resolve ?? systemResolve;
  const addresses = isIP(hostname) !== 0 ? [hostname] : await resolve(hostname);
  const [address] = addresses;
  if (address === undefined) throw new MeshError('unavailable', `${hostname} has no address`);
  const inside = options.allowPrivate ? undefined : addresses.find(isInside);
  if (inside !== undefined) throw new MeshError('invalid', `${hostname} is ${inside}, which is not a public address`);
  return address;
}

async function systemResolve(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}

function get(url: URL, address: string, options: JwksFetchOptions & { readonly signal: AbortSignal }): Promise<string> {
  const { signal, maxBytes = defaultMaxBytes } = options;
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const isTls = url.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const fail = (problem: string) => {
      reject(new MeshError('unavailable', problem));
      request.destroy();
    };
    const request = (isTls ? https : http).request({
      host: address,
      port: url.port || (isTls ? 443 : 80),
      path: `${url.pathname}${url.search}`,
      headers: { host: url.host, accept: 'application/json' },
      // The certificate must be the name's, not the address's.
      ...(isTls ? { servername: isIP(hostname) === 0 ? hostname : '', checkServerIdentity: checkFor(hostname) } : {}),
      agent: false,
      signal,
    });
    request.on('error', reject);
    request.on('response', (response) => {
      const status = response.statusCode ?? 0;
      if (status >= 300 && status < 400) return fail(`answered ${status}: redirects are not followed`);
      if (status !== 200) return fail(`answered ${status}`);
      let bytes = 0;
      const chunks: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) fail(`answered more than ${maxBytes} bytes`);
        else chunks.push(chunk);
      });
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      return undefined;
    });
    request.end();
  });
}

function checkFor(hostname: string): NonNullable<https.RequestOptions['checkServerIdentity']> {
  return (_, certificate) => tls.checkServerIdentity(hostname, certificate);
}

/** Networks that are not the Internet (www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-). */
const insideNetworks = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  insideNetworks.addSubnet(network, bits);
for (const [network, bits] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['2001::', 23],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  insideNetworks.addSubnet(network, bits, 'ipv6');

/** Whether an address is of no public network; IPv4 in IPv6's clothes is looked at as IPv4. */
export function isInside(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return true;
  return insideNetworks.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
