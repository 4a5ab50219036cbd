// Credentials from a program that a kubeconfig names (kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins).
import { execFile } from 'node:child_process';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { MeshError } from '../../lib/mesh-error.ts';

/** What is shown to the API server. Holds secrets. */
export interface Credential {
  readonly token?: string;
  /** Certificate and key, PEM. */
  readonly client?: { readonly certificate: string; readonly key: string };
}

/** Credentials that are asked for each time they are needed. */
export interface CredentialProgram {
  /** What the program gave last, asked anew when it has ended. Rejects with MeshError `unavailable`. */
  current(): Promise<Credential>;
  /** The API server did not take it: the next `current` asks the program. */
  refused(): void;
}

/** A user's `exec`, checked. */
export interface ExecConfig {
  readonly apiVersion: string;
  /** Absolute, or a name to be found in PATH. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Given to the program when it asks for it (`provideClusterInfo`). */
  readonly cluster?: object;
}

/** A login that needs longer than this waits for a person, who is not there. */
const patienceMs = 30_000;
/** A credential of two certificates takes some KiB. */
const maxBytes = 1 << 20;
/** Before its end a credential is asked for anew, so that none ends on its way to the server. */
const marginMs = 10_000;

interface Kept {
  readonly credential: Credential;
  readonly untilMs: number;
}

/** See the file's first line. Callers at the same time share one run of the program. */
export function credentialProgram(config: ExecConfig, clock: Clock = systemClock): CredentialProgram {
  let kept: Kept | undefined;
  let asking: Promise<Kept> | undefined;
  return {
    current: async () => {
      if (kept && clock.nowMs() < kept.untilMs) return kept.credential;
      asking ??= ask(config).finally(() => {
        asking = undefined;
      });
      kept = await asking;
      return kept.credential;
    },
    refused: () => {
      kept = undefined;
    },
  };
}

async function ask(config: ExecConfig): Promise<Kept> {
  const { apiVersion, command, args, cluster } = config;
  const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false, ...(cluster && { cluster }) } };
  const env = { ...process.env, ...config.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  const output = await new Promise<string>((resolve, reject) => {
    const options = { env, timeout: patienceMs, maxBuffer: maxBytes, killSignal: 'SIGKILL' } as const;
    const child = execFile(command, args, options, (error, stdout) => {
      // Not as the cause: its message repeats what the program wrote.
      if (error) reject(failure(command, reasonOf(error)));
      else resolve(stdout);
    });
    child.stdin?.end();
  });
  return credentialIn(output, config);
}

/** What the program writes may hold a secret: no part of it is shown. */
function reasonOf(error: { readonly code?: unknown; readonly killed?: boolean }): string {
  if (error.code === 'ENOENT') return 'there is no such program';
  if (error.killed) return `it did not end within ${patienceMs / 1_000} s`;
  return typeof error.code === 'number' ? `it ended with ${error.code}` : `it could not be run (${String(error.code)})`;
}

function failure(command: string, reason: string): MeshError {
  const message = `the program ${command} of the kubeconfig gave no credentials: ${reason}. Run it by hand to see why`;
  return new MeshError('unavailable', message);
}

function credentialIn(output: string, { apiVersion, command }: ExecConfig): Kept {
  let answer: ExecAnswer;
  try {
    answer = JSON.parse(output) as ExecAnswer;
  } catch {
    throw failure(command, 'what it wrote is not JSON');
  }
  if (answer?.kind !== 'ExecCredential' || answer.apiVersion !== apiVersion)
    throw failure(command, `it wrote no ExecCredential of ${apiVersion}`);
  const { token, clientCertificateData: certificate, clientKeyData: key, expirationTimestamp } = answer.status ?? {};
  if (!token && !(certificate && key))
    throw failure(command, 'its answer has neither a token nor a certificate with key');
  const endMs = expirationTimestamp ? Date.parse(expirationTimestamp) : Number.POSITIVE_INFINITY;
  if (Number.isNaN(endMs)) throw failure(command, 'its expirationTimestamp is no time');
  const credential = { ...(token && { token }), ...(certificate && key && { client: { certificate, key } }) };
  return { credential, untilMs: endMs - marginMs };
}

interface ExecAnswer {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly status?: {
    readonly token?: string;
    readonly clientCertificateData?: string;
    readonly clientKeyData?: string;
    readonly expirationTimestamp?: string;
  };
}
