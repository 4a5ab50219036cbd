// Citadel's HTTPS side: serves a few public documents, bounded in every way, with its own SVID or with a certificate that browsers know.
import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import { createBoundedHttpServer } from '../../../lib/bounded-http-server.ts';
import type { Clock } from '../../../lib/clock.ts';
import { Latest } from '../../../lib/latest.ts';
import type { Logger } from '../../../lib/logger.ts';
import { MeshError, messageOf } from '../../../lib/mesh-error.ts';
import type { Service } from '../../../lib/service.ts';
import { controlPlaneId } from '../../../mesh/spiffe-id.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { serverIdentities } from '../csr/server-certificate.ts';
import { refreshHintSeconds } from './documents.ts';

/** Files of a certificate that is not the mesh's own: profile https_web of SPIFFE Federation. PEM. */
export interface WebCertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** What the server is made of. */
export interface WebServerOptions {
  readonly ca: CertificateAuthority;
  readonly trustDomain: string;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Absent: Citadel's own SVID (profile https_spiffe). */
  readonly certificate?: WebCertificateFiles;
  /** The document at a path; undefined: none there. */
  readonly documentAt: (path: string) => object | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Certificates of the web are renewed every few weeks; a minute late is no harm. */
const rereadMs = 60_000;

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** See the file's first line. `run` rejects with MeshError `unavailable` when it can't listen, `invalid` for files that are no certificate. */
export class WebServer implements Service {
  readonly name = 'Citadel web';
  /** The port once it is open. */
  readonly port = new Latest<number>();
  readonly #options: WebServerOptions;

  constructor(options: WebServerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    let server: Server | undefined;
    try {
      for await (const pair of this.#pairs(signal)) {
        if (server) server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' });
        else {
          server = this.#serverOf(pair);
          this.port.set(await listen(server, this.#options));
        }
      }
    } finally {
      server?.close();
      server?.closeAllConnections();
    }
  }

  #serverOf(pair: Pair): Server {
    const answered: RequestListener = (request, response) => {
      const answer = (status: number, body: object, headers: Readonly<Record<string, string>> = {}) =>
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
      // Nothing of a body is read: the connection ends with the answer.
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return answer(405, { error: 'only GET is answered here' }, { allow: 'GET, HEAD', connection: 'close' });
      const document = this.#options.documentAt((request.url ?? '').split('?')[0] ?? '');
      if (!document) return answer(404, { error: 'there is no such document' });
      return answer(200, document, { 'cache-control': `public, max-age=${refreshHintSeconds}` });
    };
    return createBoundedHttpServer(answered, { tls: { ...pair, minVersion: 'TLSv1.2' } });
  }

  #pairs(signal: AbortSignal): AsyncIterable<Pair> {
    const { certificate } = this.#options;
    return certificate ? this.#pairsOfFiles(certificate, signal) : this.#ownPairs(signal);
  }

  async *#ownPairs(signal: AbortSignal): AsyncGenerator<Pair> {
    const id = controlPlaneId(this.#options.trustDomain, 'citadel');
    const options = { ...this.#options, id, dnsNames: ['localhost'], signal };
    for await (const { certificateChain, privateKey } of serverIdentities(options))
      yield { cert: certificateChain, key: privateKey };
  }

  /** Rereads the files; what can't be used is told once and the last good pair stays. */
  async *#pairsOfFiles(files: WebCertificateFiles, signal: AbortSignal): AsyncGenerator<Pair> {
    const { clock, logger } = this.#options;
    let last: Pair | undefined;
    let toldProblem = '';
    while (!signal.aborted) {
      const read = await readPair(files).catch(messageOf);
      if (typeof read !== 'string') {
        toldProblem = '';
        if (read.cert !== last?.cert || read.key !== last.key) yield read;
        last = read;
      } else if (!last) throw new MeshError('invalid', read);
      else if (read !== toldProblem) {
        toldProblem = read;
        logger.error({ problem: read }, 'the certificate of Citadel web can not be renewed; the last one stays');
      }
      await clock.sleep(rereadMs, signal).catch(() => {});
    }
  }
}

async function readPair({ certificate, key }: WebCertificateFiles): Promise<Pair> {
  const read = async (path: string) =>
    await readFile(path, 'utf8').catch((error) => {
      throw new MeshError('invalid', `${path} can not be read: ${Reflect.get(error, 'code')}`);
    });
  const pair = { cert: await read(certificate), key: await read(key) };
  try {
    createSecureContext(pair);
  } catch {
    // Without OpenSSL's words: they may quote the key.
    throw new MeshError('invalid', `${certificate} and ${key} are not a certificate in PEM and its key`);
  }
  return pair;
}

function listen(server: Server, { host, port }: WebServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new MeshError('unavailable', `Citadel web can't listen on ${host}:${port}: ${error.message}`));
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}
