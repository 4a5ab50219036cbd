// A thread that reads signing requests and issues certificates for signing-pool.ts.
import { parentPort } from 'node:worker_threads';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import { parseCsr } from './csr.ts';
import { type Issuer, issueSvid } from './issue.ts';
import type { SigningAnswer, SigningJob } from './signing-pool.ts';

/** Issuers by certificate: parsing one costs more than signing, and a message brings a new object each time. */
const issuers = new Map<string, Issuer>();
/** A rotation has two; more would be kept for nothing. */
const maxIssuers = 4;

function issuerOf(issuer: Issuer): Issuer {
  const known = issuers.get(issuer.certificate);
  if (known) return known;
  if (issuers.size >= maxIssuers) issuers.clear();
  issuers.set(issuer.certificate, issuer);
  return issuer;
}

async function work(job: SigningJob): Promise<SigningAnswer> {
  try {
    if (job.kind === 'parse') return { ok: true, result: await parseCsr(job.pem) };
    return { ok: true, result: await issueSvid({ ...job.options, issuer: issuerOf(job.options.issuer) }) };
  } catch (error) {
    return { ok: false, code: error instanceof MeshError ? error.code : 'corrupt', message: messageOf(error) };
  }
}

parentPort?.on('message', ({ id, job }: { readonly id: number; readonly job: SigningJob }) => {
  void work(job).then((answer) => parentPort?.postMessage({ id, answer }));
});
