// A NATS operator for tests: the JWTs of operator, account and users that `nsc` makes, in the form that nats-server 2 reads (docs.nats.io, JWT guide).
import { createHash } from 'node:crypto';
import { createAccount, createOperator, createUser, type KeyPair } from '@nats-io/nkeys';

/** What a user may publish and subscribe to. */
export interface UserPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** One operator with one account. */
export interface NatsOperator {
  /** Lines of the server's configuration: whom it trusts, and the account's JWT. */
  readonly configuration: string;
  /** Content of a creds file for a new user. `expires`: seconds since 1970; absent: never. */
  credentials(name: string, options?: { readonly permissions?: UserPermissions; readonly expires?: number }): string;
}

const noLimits = { subs: -1, data: -1, payload: -1 };

/** A new one, with keys of its own. */
export function createNatsOperator(): NatsOperator {
  // The server's own account, which JetStream needs.
  const [operator, account, system] = [createOperator(), createAccount(), createAccount()];
  const limits = { ...noLimits, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const store = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const accountJwt = (key: KeyPair, name: string, more: object) =>
    jwtOf(operator, {
      ...{ sub: key.getPublicKey(), name },
      nats: { type: 'account', version: 2, limits: { ...limits, ...more } },
    });
  const nats = { type: 'operator', version: 2, system_account: system.getPublicKey() };
  const operatorJwt = jwtOf(operator, { sub: operator.getPublicKey(), name: 'test', nats });
  const accounts = [
    `${account.getPublicKey()}: "${accountJwt(account, 'mesh', store)}"`,
    `${system.getPublicKey()}: "${accountJwt(system, 'SYS', {})}"`,
  ];
  return {
    configuration: `operator: "${operatorJwt}"\nresolver: MEMORY\nresolver_preload: { ${accounts.join(', ')} }`,
    credentials: (name, { permissions, expires } = {}) => {
      const user = createUser();
      const { publish, subscribe } = permissions ?? { publish: ['>'], subscribe: ['>'] };
      const jwt = jwtOf(account, {
        ...{ sub: user.getPublicKey(), name, ...(expires !== undefined && { exp: expires }) },
        nats: { type: 'user', version: 2, ...noLimits, pub: { allow: publish }, sub: { allow: subscribe } },
      });
      const seed = new TextDecoder().decode(user.getSeed());
      const part = (title: string, text: string) => `-----BEGIN ${title}-----\n${text}\n------END ${title}------\n\n`;
      return part('NATS USER JWT', jwt) + part('USER NKEY SEED', seed);
    },
  };
}

/** A JWT that `issuer` signs with its nkey. */
function jwtOf(issuer: KeyPair, claims: Readonly<Record<string, unknown>>): string {
  const body = { iat: 1_700_000_000, iss: issuer.getPublicKey(), ...claims };
  const jti = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode({ jti, ...body })}`;
  return `${signed}.${Buffer.from(issuer.sign(new TextEncoder().encode(signed))).toString('base64url')}`;
}
