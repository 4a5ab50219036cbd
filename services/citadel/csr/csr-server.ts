// The gRPC face of Citadel over TLS: istio.v1.auth.IstioCertificateService, which agents of Istio speak too, and JWT-SVIDs beside it.
import type { Message } from '@bufbuild/protobuf';
import { type handleUnaryCall, Server, type ServerUnaryCall, status } from '@grpc/grpc-js';
import type { EventLog } from '../../../events/event-log.ts';
import type { IstioCertificateRequest, IstioCertificateResponse } from '../../../gen/istio/v1/auth/ca_pb.js';
import type { JwtSvidRequest, JwtSvidResponse } from '../../../gen/periplus/citadel/v1/jwt_svid_pb.js';
import type { Clock } from '../../../lib/clock.ts';
import { type ConnectionLimits, defaultConnectionLimits } from '../../../lib/connection-guard.ts';
import { type GrpcLimits, type GrpcPort, grpcServerOptions, openGrpcPort } from '../../../lib/grpc-port.ts';
import { Latest } from '../../../lib/latest.ts';
import type { Logger } from '../../../lib/logger.ts';
import { type Rate, RateLimit } from '../../../lib/rate-limit.ts';
import { RenewableCredentials } from '../../../lib/renewable-credentials.ts';
import type { Service } from '../../../lib/service.ts';
import { controlPlaneId } from '../../../mesh/spiffe-id.ts';
import type { Attestor, Credentials } from '../attest/attestor.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { JwtAuthority } from '../jwt/jwt-authority.ts';
import { issueJwtSvid } from '../jwt/jwt-issuance.ts';
import type { parseCsr } from '../x509/csr.ts';
import { BanCheck } from './ban-check.ts';
import type { CallerMeans, Denial, DenialCode } from './caller.ts';
import { certificateResponse, certificateService, jwtResponse, jwtService } from './grpc-services.ts';
import { issueCertificate } from './issuance.ts';
import { IssuanceRecord } from './issuance-record.ts';
import { RecentChains } from './recent-chains.ts';
import { serverIdentities } from './server-certificate.ts';

/** Bounds of the server; `defaultCsrLimits` says why each is what it is. */
export interface CsrLimits extends GrpcLimits {
  /** Requests being worked on, of all callers. */
  readonly maxInFlight: number;
  /** While so many are being worked on, no further connection is let in. */
  readonly busyInFlight: number;
  /** Of one address. */
  readonly rate: Rate;
  readonly deadlineMs: number;
  readonly maxConnectionMs: number;
}

/** What the server uses where nothing else is said. */
export const defaultCsrLimits: CsrLimits = {
  maxRequestBytes: 64 * 1024, // a request with an RSA-8192 key has 4 KiB
  maxStreamsPerConnection: 16, // an agent asks once in half an hour
  maxSessionMiB: 4, // 16 of the largest requests with their answers, twice
  idleMs: 15_000, // agents close theirs by themselves
  maxInFlight: 5_000, // a whole mesh that starts at once waits its turn: 10 s of signing
  busyInFlight: 256, // half a second of signing: who is let in is answered soon, and slow platforms hold up nobody else
  rate: { perSecond: 50, burst: 500 }, // a node of 500 workloads that restarts, behind one address
  deadlineMs: 15_000, // longer than a busy CA takes; callers try again
  maxConnectionMs: 60_000, // a connection that sends half a request is gone after this
};

/** A request is small and agents ask seldom: fewer connections than Pilot, and less of what nobody vouches for. */
export const csrConnectionLimits: ConnectionLimits = {
  ...defaultConnectionLimits,
  maxUnprovenBytes: 16 * 1024 * 1024, // 256 of the largest requests at once
};

/** What the server is made of. */
export interface CsrServerOptions {
  readonly ca: CertificateAuthority;
  /** Signs tokens; absent: none are given. */
  readonly jwt?: JwtAuthority;
  readonly trustDomain: string;
  /** Asked in order. */
  readonly attestors: readonly Attestor[];
  /** PEM: CAs whose client certificates reach the attestors too, beside the trust bundle's. */
  readonly clientRoots?: readonly string[];
  /** Reads signing requests; csr.ts's by default. */
  readonly parse?: typeof parseCsr;
  readonly facts: EventLog;
  readonly host: string;
  /** 8060, as Istio's Citadel; 0: any free port. */
  readonly port: number;
  /** Names under which clients reach it, beside `localhost`. */
  readonly dnsNames?: readonly string[];
  /** In events. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<CsrLimits>;
}

/** Serves signing requests until its signal is aborted. Rejects with MeshError `unavailable` when it can't listen or has no CA. */
export class CsrServer implements Service {
  readonly name = 'Citadel';
  /** The port once it is open. */
  readonly port = new Latest<number>();
  readonly #options: CsrServerOptions;
  readonly #limits: CsrLimits;
  readonly #means: CallerMeans & { readonly record: IssuanceRecord; readonly recent: RecentChains };
  #inFlight = 0;
  #listening: GrpcPort | undefined;

  constructor(options: CsrServerOptions) {
    const { clock, attestors } = options;
    this.#options = options;
    this.#limits = { ...defaultCsrLimits, ...options.limits };
    const record = new IssuanceRecord({ ...options, source: `/citadel/${options.name}` });
    const limit = new RateLimit(this.#limits.rate, () => clock.nowMs());
    const bans = new BanCheck(options.facts);
    const recent = new RecentChains(() => clock.nowMs());
    this.#means = { attestors, record, recent, limit, isBanned: async (spiffeId) => await bans.isBanned(spiffeId) };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { ca, jwt, trustDomain, clock, host, port, dnsNames = [], clientRoots = [], parse } = this.#options;
    const credentials = new RenewableCredentials({ requireClient: false });
    const server = new Server({
      ...grpcServerOptions(this.#limits),
      'grpc.max_connection_age_ms': this.#limits.maxConnectionMs,
      'grpc.max_connection_age_grace_ms': this.#limits.deadlineMs,
    });
    const CreateCertificate = this.#handle<IstioCertificateRequest, IstioCertificateResponse>(
      async ({ csr, validityDuration }, credentials) => {
        const request = { csr, lifeSeconds: Number(validityDuration), credentials };
        const issuance = await issueCertificate(request, { ...this.#means, ca, ...(parse && { parse }) });
        return issuance.ok ? certificateResponse(issuance.certificateChain) : issuance;
      },
    );
    server.addService(certificateService, { CreateCertificate });
    if (jwt) {
      const FetchJwtSvid = this.#handle<JwtSvidRequest, JwtSvidResponse>(async (request, credentials) => {
        const { audience, spiffeId } = request;
        const issued = await issueJwtSvid({ audience, spiffeId, credentials }, { ...this.#means, jwt });
        return issued.ok ? jwtResponse(issued.given) : issued;
      });
      server.addService(jwtService, { FetchJwtSvid });
    }
    try {
      const names = ['localhost', ...dnsNames];
      const id = controlPlaneId(trustDomain, 'citadel');
      for await (const identity of serverIdentities({ ca, id, dnsNames: names, clock, signal })) {
        credentials.renew({ ...identity, roots: [...identity.roots, ...clientRoots] });
        if (this.#listening) continue;
        this.#listening = await openGrpcPort(server, {
          what: 'Citadel',
          host,
          port,
          credentials,
          limits: csrConnectionLimits,
          hasRoom: () => this.#inFlight < this.#limits.busyInFlight,
        });
        this.port.set(this.#listening.port);
      }
    } finally {
      this.#listening?.close();
      this.#listening = undefined;
      server.forceShutdown();
    }
  }

  #handle<Request, Response extends Message>(
    work: (request: Request, credentials: Credentials) => Promise<Response | Denial>,
  ): handleUnaryCall<Request, Response> {
    return (call, done) => {
      void this.#answer(call, work).then((answer) => {
        if ('code' in answer) done({ code: grpcCodes[answer.code], details: answer.message });
        else done(null, answer);
      });
    };
  }

  async #answer<Request, Response extends Message>(
    call: ServerUnaryCall<Request, Response>,
    work: (request: Request, credentials: Credentials) => Promise<Response | Denial>,
  ): Promise<Response | Denial> {
    const { deadlineMs, maxInFlight } = this.#limits;
    // A whole request came over it.
    this.#listening?.guard.prove(call.getPeer());
    if (this.#inFlight >= maxInFlight)
      return { ok: false, code: 'resource-exhausted', message: 'Citadel is busy; try again later' };
    const credentials = credentialsOf(call);
    if (typeof credentials === 'string') return { ok: false, code: 'unauthenticated', message: credentials };
    this.#inFlight++;
    const working = new AbortController();
    const answering = work(call.request, credentials).finally(() => {
      this.#inFlight--;
      working.abort();
    });
    const late = this.#options.clock.sleep(deadlineMs, working.signal).then(
      (): Denial => ({ ok: false, code: 'unavailable', message: 'this took too long; try again' }),
      () => answering,
    );
    return await Promise.race([answering, late]);
  }
}

const grpcCodes: Readonly<Record<DenialCode, status>> = {
  'invalid-argument': status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  'permission-denied': status.PERMISSION_DENIED,
  'resource-exhausted': status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
};

/** What the caller showed; a text says what is wrong with it. */
function credentialsOf(call: ServerUnaryCall<unknown, unknown>): Credentials | string {
  const values = call.metadata.get('authorization');
  if (values.length > 1) return 'more than one authorization was sent';
  const [value] = values;
  const token = typeof value === 'string' ? /^bearer (\S+)$/i.exec(value)?.[1] : undefined;
  if (value !== undefined && token === undefined) return 'the authorization is not "Bearer TOKEN"';
  const peerCertificate = call.getAuthContext().sslPeerCertificate?.raw;
  return { peer: call.getPeer(), ...(token !== undefined && { token }), ...(peerCertificate && { peerCertificate }) };
}
