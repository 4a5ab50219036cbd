// Asks Citadel for a certificate: the key is made here and stays here, Citadel sees its public half.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import {
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from '../../gen/istio/v1/auth/ca_pb.js';
import { MeshError, type MeshErrorCode } from '../../lib/mesh-error.ts';
import { createCsr } from '../../services/citadel/x509/csr.ts';
import { generateKeyPair } from '../../services/citadel/x509/keys.ts';
import { mutualTls, mutualTlsChannel } from './mutual-tls.ts';
import { type WorkloadSvid, workloadSvid } from './workload-svid.ts';

/** Whom to ask and with what proof. */
export interface SvidRequest {
  /** `host:port`. */
  readonly address: string;
  /** PEM: roots that Citadel's certificate is verified against. */
  readonly roots: string;
  /** Citadel's SPIFFE ID: any other workload of the mesh has a certificate of the same roots. */
  readonly citadelId: string;
  /** A token, or an SVID that is still valid. */
  readonly proof: { readonly token: string } | { readonly svid: WorkloadSvid };
  /** Seconds; absent: what Citadel gives. */
  readonly lifeSeconds?: number;
  /** The identity that is wanted; another is refused. Absent: whatever the proof proves. */
  readonly expected?: string;
  /** The key to ask for; a new one by default. */
  readonly keys?: KeyPair;
  /** Default 20,000. */
  readonly timeoutMs?: number;
}

/** As an agent makes them. */
export type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;
/** A new key for `requestSvid`: who asks again with the same token has to show the same key. */
export const newKeys = (): Promise<KeyPair> => generateKeyPair('ecdsa-p256');

const path = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

/** A key with its certificate. Rejects with MeshError: `forbidden` when the proof is refused, `unavailable` when to try again. */
export async function requestSvid(request: SvidRequest): Promise<WorkloadSvid> {
  const { pkcs8, ...keys } = request.keys ?? (await newKeys());
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
  const csr = await createCsr(keys, request.expected === undefined ? {} : { uri: request.expected });
  const { certChain } = await call(request, csr);
  const roots = certChain.at(-1) ?? '';
  const svid = workloadSvid({ certificateChain: certChain.slice(0, -1).join(''), privateKey, roots }, request.expected);
  if (typeof svid !== 'string') return svid;
  throw new MeshError('corrupt', `Citadel’s answer is not taken: ${svid}`);
}

async function call(request: SvidRequest, csr: string): Promise<IstioCertificateResponse> {
  const client = new Client(request.address, credentialsFor(request), {
    'grpc.enable_retries': 0,
    ...mutualTlsChannel,
  });
  const message = { csr, validityDuration: BigInt(request.lifeSeconds ?? 0) };
  const metadata = new Metadata();
  if ('token' in request.proof) metadata.set('authorization', `Bearer ${request.proof.token}`);
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        (value: typeof message) =>
          Buffer.from(toBinary(IstioCertificateRequestSchema, create(IstioCertificateRequestSchema, value))),
        (bytes) => fromBinary(IstioCertificateResponseSchema, bytes),
        message,
        metadata,
        { deadline: Date.now() + (request.timeoutMs ?? 20_000) },
        (error, response) => (response ? resolve(response) : reject(meshErrorOf(error))),
      );
    });
  } finally {
    client.close();
  }
}

function credentialsFor({ roots, proof, citadelId }: SvidRequest) {
  return mutualTls({ roots, serverId: citadelId, ...('svid' in proof && { own: proof.svid }) });
}

const codes: Readonly<Partial<Record<status, MeshErrorCode>>> = {
  [status.UNAUTHENTICATED]: 'forbidden',
  [status.PERMISSION_DENIED]: 'forbidden',
  [status.INVALID_ARGUMENT]: 'invalid',
  [status.RESOURCE_EXHAUSTED]: 'exhausted',
};

function meshErrorOf(error: ServiceError | null): MeshError {
  const code = codes[error?.code ?? status.UNKNOWN] ?? 'unavailable';
  return new MeshError(code, `Citadel gives no certificate: ${error?.details ?? 'no answer'}`);
}
