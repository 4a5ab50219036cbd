// Decides about each request to the admin API before anything else reads it: who calls, and whether their role is enough.
import type { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../../../lib/clock.ts';
import { MeshError } from '../../../../lib/mesh-error.ts';
import type { Caller, Role } from './caller.ts';
import { type ClientRule, callerOfCertificate } from './client-certificates.ts';
import type { TokenStore } from './token-store.ts';

/** Who may call the admin API beside this machine's users. */
export interface AdminAccess {
  readonly tokens: TokenStore;
  /** Names in client certificates that have a role. */
  readonly clients: readonly ClientRule[];
  /** Addresses that count as this machine: a container's host, where the port is published on the host's loopback alone. */
  readonly hostAddresses: readonly string[];
}

/** Paths that tell no secret and that monitoring has to reach without one. */
const open: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics', '/openapi.json']);

/** Sees to it that `request.caller` is set wherever a route runs that is not open. Without `access` only this machine may call. */
export function registerGuard(
  app: FastifyInstance,
  { access, clock }: { readonly access?: AdminAccess; readonly clock: Pick<Clock, 'nowMs'> },
): void {
  app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request, reply) => {
    const isLocal = isThisMachine(request.socket.remoteAddress, access?.hostAddresses ?? []);
    // Before anything else: a page whose own DNS name points here must not even read what is open.
    if (isLocal && request.headers.authorization === undefined) refuseForeignPages(request);
    if (open.has(request.url.split('?')[0] ?? '')) return;
    const caller = await callerOf(request, { access, isLocal, nowMs: clock.nowMs() });
    if (typeof caller === 'string') throw unauthenticated(reply, caller);
    const needed: Role = request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'write';
    if (needed === 'write' && caller.role !== 'write')
      throw new MeshError('forbidden', `${caller.name} has the role read; ${request.method} needs the role write`);
    request.caller = caller;
  });
}

const howTo =
  'beyond this machine the admin API needs a token (periplus admin token create, then --token or PERIPLUS_TOKEN) or a client certificate';

async function callerOf(
  request: FastifyRequest,
  means: { readonly access: AdminAccess | undefined; readonly isLocal: boolean; readonly nowMs: number },
): Promise<Caller | string> {
  const { access, isLocal, nowMs } = means;
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    // Whoever shows a token is who the token says, also on this machine.
    const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
    if (token === undefined) return 'the authorization header is not "Bearer TOKEN"';
    const checked = await access?.tokens.check(token);
    if (!checked?.ok) return checked?.reason ?? 'this process takes no tokens';
    return { role: checked.record.role, name: `token:${checked.record.name}` };
  }
  const certificate = verifiedCertificate(request);
  const byCertificate = certificate && callerOfCertificate(certificate, access?.clients ?? [], nowMs);
  if (byCertificate && typeof byCertificate !== 'string') return byCertificate;
  if (isLocal) return { role: 'write', name: undefined };
  return byCertificate ? `${byCertificate}; ${howTo}` : howTo;
}

function verifiedCertificate({ socket }: FastifyRequest): X509Certificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  return socket.getPeerX509Certificate();
}

function unauthenticated(reply: FastifyReply, message: string): MeshError {
  reply.header('www-authenticate', 'Bearer realm="periplus"');
  return new MeshError('unauthenticated', message);
}

/** This machine's users need no credentials, so web pages in their browsers must not act for them (DNS rebinding, forged requests). */
function refuseForeignPages({ headers, method }: FastifyRequest): void {
  if (!isLoopbackHost(headers.host))
    throw new MeshError(
      'forbidden',
      'without a token this admin API is for this machine alone; use http://127.0.0.1 or http://localhost',
    );
  const { origin } = headers;
  const changes = method !== 'GET' && method !== 'HEAD';
  if (changes && origin !== undefined && !isLoopbackHost(origin.replace(/^https?:\/\//, '')))
    throw new MeshError('forbidden', 'a page from elsewhere may not change the mesh');
}

/** Whether a Host header names this machine. */
export function isLoopbackHost(host: string | undefined): boolean {
  const name = (host ?? '').replace(/:\d+$/, '').toLowerCase();
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}

/** By the address of the network layer; what a header says of it counts for nothing. */
function isThisMachine(address: string | undefined, hosts: readonly string[]): boolean {
  const plain = (address ?? '').replace(/^::ffff:/, '');
  return plain === '::1' || /^127\.\d+\.\d+\.\d+$/.test(plain) || hosts.includes(plain);
}
