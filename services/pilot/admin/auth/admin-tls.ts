// TLS of the admin port: certificate, key and client CA from files, read again when they change.
import { constants, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ServerOptions } from 'node:https';
import { createSecureContext, type SecureContextOptions, type Server } from 'node:tls';
import type { Clock } from '../../../../lib/clock.ts';
import type { Logger } from '../../../../lib/logger.ts';
import { MeshError, messageOf } from '../../../../lib/mesh-error.ts';

/** Paths of PEM files. */
export interface AdminTlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** Whose client certificates are believed; absent: none are asked for. */
  readonly clientCa?: string;
}

/** Certificates are replaced hours before they end. */
const checkMs = 10_000;
/** A client that has not finished its handshake by then gets no further. */
const handshakeMs = 10_000;

/** Options for an HTTPS server. Throws MeshError `usage` naming the file that can't be used. */
export async function readAdminTls(files: AdminTlsFiles): Promise<ServerOptions> {
  const read = async (flag: string, path: string) =>
    await readFile(path, 'utf8').catch((error: unknown) => {
      throw new MeshError('usage', `${flag} ${path} can't be read: ${messageOf(error)}`);
    });
  const [cert, key, ca] = await Promise.all([
    read('--admin-tls-cert', files.certificate),
    read('--admin-tls-key', files.key),
    files.clientCa === undefined ? undefined : read('--admin-tls-client-ca', files.clientCa),
  ]);
  // No tickets: each connection shows its certificate, so that one that is withdrawn does not come back by resuming.
  const secure = { cert, key, minVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET } as const;
  try {
    createSecureContext(secure);
    if (ca !== undefined) new X509Certificate(ca);
  } catch (error) {
    // OpenSSL's message names what is wrong and holds nothing of the key.
    throw new MeshError(
      'usage',
      `the files of --admin-tls-cert, -key and -client-ca do not make TLS: ${messageOf(error)}`,
    );
  }
  // Who shows no certificate, or one that can't be verified, may still have a token.
  const client = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false };
  return { ...secure, ...client, handshakeTimeout: handshakeMs };
}

/** Gives `server` the files' new content when it changed, until `signal` aborts. What can't be used is told, and the old goes on. */
export async function keepAdminTlsFresh(
  server: Pick<Server, 'setSecureContext'>,
  means: {
    readonly files: AdminTlsFiles;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { files, clock, logger, signal } = means;
  let before = JSON.stringify(await readAdminTls(files));
  while (!signal.aborted) {
    await clock.sleep(checkMs, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      const fresh = await readAdminTls(files);
      const text = JSON.stringify(fresh);
      if (text === before) continue;
      server.setSecureContext(fresh as SecureContextOptions);
      before = text;
      logger.info({ certificate: files.certificate }, 'the admin API has new TLS files');
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'the TLS files of the admin API can not be used; the old ones go on');
    }
  }
}
