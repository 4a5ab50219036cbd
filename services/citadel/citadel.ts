// Citadel put together: the CA, the attestors that were configured, the signing port, and the bundle as a file for first starts.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EventLog } from '../../events/event-log.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Latest } from '../../lib/latest.ts';
import type { Logger } from '../../lib/logger.ts';
import { MeshError } from '../../lib/mesh-error.ts';
import type { ServerIdentity } from '../../lib/renewable-credentials.ts';
import type { Service } from '../../lib/service.ts';
import type { ConnectedIdentity } from '../../mesh/connected-identities.ts';
import { controlPlaneId, formatSpiffeId, parseSpiffeId, type SpiffeId } from '../../mesh/spiffe-id.ts';
import { type AttestConfig, type AttestMeans, configuredAttestors } from './attest/configured.ts';
import { createJoinToken } from './attest/join-token.ts';
import type { TrustBundle } from './ca/authority-state.ts';
import { type CaStatus, CertificateAuthority } from './ca/certificate-authority.ts';
import { connectedHolders } from './ca/connected-holders.ts';
import type { RotationDecision } from './ca/rotation.ts';
import { BanCheck } from './csr/ban-check.ts';
import { CsrServer } from './csr/csr-server.ts';
import { IssuanceRecord } from './csr/issuance-record.ts';
import { serverIdentities } from './csr/server-certificate.ts';
import { Federation, type FederationStatus } from './federation/federation.ts';
import type { FederatedDomain } from './federation/fetch-bundle.ts';
import { JwtAuthority } from './jwt/jwt-authority.ts';
import { FileKeyStore } from './keys/file-key-store.ts';
import { bundleDocument, discoveryDocument, documentPaths, keySetDocument } from './web/documents.ts';
import { type WebCertificateFiles, WebServer } from './web/web-server.ts';
import { SigningPool } from './x509/signing-pool.ts';

/** What a Citadel is told. */
export interface CitadelConfig {
  readonly trustDomain: string;
  readonly port: number;
  /** Its own folder: `keys/` and `root-cert.pem`. */
  readonly folder: string;
  /** Encrypts the keys. */
  readonly passphrase: string | undefined;
  /** Folder with Istio's `cacerts` files; undefined: a CA of its own. */
  readonly pluggedIn: string | undefined;
  readonly attest: AttestConfig;
  /** Meshes whose workloads are known. */
  readonly federation: readonly FederatedDomain[];
  readonly web: {
    readonly port: number;
    /** Claim `iss` of JWT-SVIDs, without a slash at its end; undefined: `https://localhost:PORT`. */
    readonly issuer: string | undefined;
    /** Undefined: Citadel's own SVID. */
    readonly certificate: WebCertificateFiles | undefined;
  };
}

/** What people can do with a CA, for the admin API. */
export interface CitadelAdmin {
  caStatus(): Promise<CaStatus & { readonly federations: readonly FederationStatus[] }>;
  /** Takes the next step of a rotation, or says what it waits for. */
  rotate(actor: string): Promise<RotationDecision>;
  /** Throws MeshError `invalid` for what is no SPIFFE ID of this trust domain, or a life that is too long. */
  createJoinToken(
    request: { readonly spiffeId: string; readonly lifeSeconds?: number },
    actor: string,
  ): Promise<{ readonly token: string; readonly expiresAt: string }>;
  /** A JWT-SVID in a workload's name. Throws MeshError `invalid` as `createJoinToken`, and for audiences that can't be. */
  mintJwtSvid(
    request: { readonly spiffeId: string; readonly audience: readonly string[]; readonly lifeSeconds?: number },
    actor: string,
  ): Promise<{ readonly token: string; readonly expiresAt: string }>;
}

/** A Citadel, put together and not yet started. */
export interface Citadel {
  readonly services: readonly Service[];
  readonly admin: CitadelAdmin;
  /** The signing port once it is open. */
  readonly port: Latest<number>;
  /** The port of OIDC discovery and of the trust bundle once it is open. */
  readonly webPort: Latest<number>;
  /** The newest trust bundle. */
  readonly bundle: Latest<TrustBundle>;
  /** Certificates for servers in this process, which need no proof: the first, then newer ones until `signal` aborts. */
  identities(part: 'pilot' | 'mixer', signal: AbortSignal): AsyncIterable<ServerIdentity>;
}

/** What a Citadel is made of. */
export interface CitadelOptions {
  readonly config: CitadelConfig;
  readonly facts: EventLog;
  readonly host: string;
  /** In events. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Kubernetes' API server, to be asked about tokens of service accounts; absent: such tokens are not taken. */
  readonly kubernetes?: AttestMeans['kubernetes'] & object;
  /** Proxies with an identity whose stream is open, as the deliveries log has it; a rotation waits for them. */
  readonly connected?: () => readonly ConnectedIdentity[];
}

/** Puts one together. Throws MeshError `invalid` for a wrong trust domain or token issuer. */
export function createCitadel(options: CitadelOptions): Citadel {
  const { config, facts, clock, name, logger } = options;
  const { trustDomain, folder, passphrase, pluggedIn } = config;
  const keys = new FileKeyStore({ folder: join(folder, 'keys'), ...(passphrase !== undefined && { passphrase }) });
  const parts = { trustDomain, facts, clock, name, logger };
  const { connected = () => [] } = options;
  const pool = new SigningPool();
  const ca = new CertificateAuthority({
    ...parts,
    keys,
    issue: pool.issueSvid,
    bundleHolders: (means) => connectedHolders(connected())(means),
    ...(pluggedIn !== undefined && { pluggedIn }),
  });
  const tokens = { facts, clock, source: `/citadel/${name}` };
  const { kubernetes } = options;
  const means = { ...tokens, trustDomain, ...(kubernetes && { kubernetes }) };
  const { attestors, clientRoots } = configuredAttestors(config.attest, means);
  const jwt: JwtAuthority = new JwtAuthority({
    ...parts,
    keys,
    opened: async () => await ca.open(),
    issuer: () => config.web.issuer ?? `https://localhost:${web.port.value ?? config.web.port}`,
  });
  const port = { host: options.host, port: config.port };
  const server = new CsrServer({ ...parts, ...port, ca, jwt, attestors, clientRoots, parse: pool.parseCsr });
  const web = webServer(options, { ca, jwt });
  const federation = new Federation({ ...parts, domains: config.federation });
  const record = new IssuanceRecord({ ...parts, source: `/citadel/${name}` });
  const bans = new BanCheck(facts);
  return {
    services: [ca, pool, jwt, server, web, federation, bundleFile(join(folder, 'root-cert.pem'), ca)],
    port: server.port,
    webPort: web.port,
    bundle: ca.bundle,
    identities: (part, signal) =>
      serverIdentities({ ca, id: controlPlaneId(trustDomain, part), dnsNames: ['localhost'], clock, signal }),
    admin: {
      caStatus: async () => ({ ...(await ca.status()), federations: await federation.status() }),
      rotate: async (actor) => await ca.advance(actor),
      createJoinToken: async ({ spiffeId, lifeSeconds }, actor) => {
        const id = workloadId(spiffeId, trustDomain);
        if (await bans.isBanned(spiffeId)) throw new MeshError('invalid', `${spiffeId} is banned`);
        return await createJoinToken(tokens, { id, actor, ...lifeMsOf(lifeSeconds) });
      },
      mintJwtSvid: async ({ spiffeId, audience, lifeSeconds }, actor) => {
        const id = workloadId(spiffeId, trustDomain);
        if (await bans.isBanned(spiffeId)) throw new MeshError('invalid', `${spiffeId} is banned`);
        const { token, ...recorded } = await jwt.sign({ id, audience, ...lifeMsOf(lifeSeconds) });
        const evidence = { kind: 'admin', details: { actor } };
        await record.jwtIssued({ spiffeId: formatSpiffeId(id), audience, ...recorded, evidence }, actor);
        return { token, expiresAt: recorded.expiresAt };
      },
    },
  };
}

const lifeMsOf = (seconds: number | undefined) => (seconds === undefined ? {} : { lifeMs: seconds * 1000 });

function workloadId(spiffeId: string, trustDomain: string): SpiffeId {
  const parsed = parseSpiffeId(spiffeId);
  if (!parsed.ok) throw new MeshError('invalid', `this is no SPIFFE ID of a workload: ${parsed.reason}`);
  if (parsed.id.trustDomain !== trustDomain) throw new MeshError('invalid', `the trust domain is ${trustDomain}`);
  return parsed.id;
}

function webServer(
  { config, host, clock, logger }: CitadelOptions,
  { ca, jwt }: { readonly ca: CertificateAuthority; readonly jwt: JwtAuthority },
): WebServer {
  const { trustDomain, web } = config;
  return new WebServer({
    ca,
    trustDomain,
    host,
    port: web.port,
    ...(web.certificate && { certificate: web.certificate }),
    clock,
    logger,
    documentAt: (path) => {
      const [bundle, keys] = [ca.bundle.value, jwt.believed.value];
      if (!bundle || !keys) return undefined;
      const { discovery, keys: keysPath, bundle: bundlePath } = documentPaths;
      if (path === discovery) return discoveryDocument(jwt.issuer);
      if (path === keysPath) return keySetDocument(keys);
      return path === bundlePath
        ? bundleDocument({ bundle, jwtKeys: keys, keysPublished: jwt.keysPublished })
        : undefined;
    },
  });
}

/** Keeps the bundle in a file: what an agent needs to believe Citadel the first time is copied from there. */
function bundleFile(path: string, ca: CertificateAuthority): Service {
  return {
    name: 'trust bundle file',
    async run(signal) {
      for await (const { roots } of ca.bundle.watch(signal)) {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await writeFile(`${path}.tmp`, roots.join(''));
        await rename(`${path}.tmp`, path);
      }
    },
  };
}
