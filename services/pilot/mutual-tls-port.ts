// xDS over mutual TLS: where it listens, and Pilot's certificate, which is renewed while it serves.
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { RenewableCredentials, type ServerIdentity } from '../../lib/renewable-credentials.ts';
import { supervise } from '../../lib/service.ts';
import type { ListenAddress } from './xds/ads-server.ts';

/** Where xDS is served over mutual TLS, and as whom. */
export interface MutualTlsXds {
  readonly host: string;
  readonly port: number;
  /** Clients of it are let in. */
  readonly trustDomain: string;
  /** Pilot's certificate: the first, then newer ones until `signal` aborts. Nobody is let in before the first. */
  identities(signal: AbortSignal): AsyncIterable<ServerIdentity>;
}

/** See the file's first line. */
export class MutualTlsPort {
  readonly address: ListenAddress;
  readonly #credentials = new RenewableCredentials({ requireClient: true });
  readonly #options: MutualTlsXds & { readonly clock: Clock; readonly logger: Logger };
  #open = false;

  constructor(options: MutualTlsXds & { readonly clock: Clock; readonly logger: Logger }) {
    const { host, port } = options;
    this.#options = options;
    this.address = { host, port, credentials: this.#credentials };
  }

  /** Whether there is a certificate to serve with. */
  get open(): boolean {
    return this.#open;
  }

  /** Renews until `signal` aborts. A CA that is away at the start is waited for; later the last certificate stays. */
  async run(signal: AbortSignal): Promise<void> {
    const renew = async () => {
      for await (const identity of this.#options.identities(signal)) {
        this.#credentials.renew(identity);
        this.#open = true;
      }
    };
    await supervise([{ name: 'certificate of xDS', run: renew }], { signal, ...this.#options });
  }
}
