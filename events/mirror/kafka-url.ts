// `--mirror kafka://…`: where the brokers are, which topic, and how this client proves who it is.
import { readFileSync } from 'node:fs';
import { MeshError, messageOf } from '../../lib/mesh-error.ts';

/** What a URL says. */
export interface KafkaAddress {
  /** `host:port`, any of a cluster. */
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Undefined: no TLS. */
  readonly tls: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string } | undefined;
  readonly sasl: KafkaLogin | undefined;
  /** The URL without its password. */
  readonly name: string;
}

/** SASL, by mechanism. */
export interface KafkaLogin {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: string;
  readonly password: string;
}

const mechanisms: readonly string[] = ['plain', 'scram-sha-256', 'scram-sha-512'];
const parameters: readonly string[] = ['ca', 'cert', 'key', 'sasl', 'passwordFile'];

/**
 * Parses `kafka[s]://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…]/TOPIC[?sasl=scram-sha-512&passwordFile=F&ca=F&cert=F&key=F]`; `kafkas` is TLS.
 * Throws MeshError `usage` saying what is wrong, never repeating the URL, which may hold a password.
 */
export function parseKafkaUrl(text: string): KafkaAddress {
  const match = /^kafka(s?):\/\/(?:([^@/]*)@)?([^/?@]+)\/([^?/]*)(?:\?(.*))?$/.exec(text);
  if (match === null) throw new MeshError('usage', '--mirror takes kafka://HOST:PORT/TOPIC');
  const [, secure, login, hosts = '', topic = '', query = ''] = match;
  // Kafka's rule for topics, leaving room for what is added to it.
  if (!/^[A-Za-z0-9._-]{1,200}$/.test(topic))
    throw new MeshError(
      'usage',
      `--mirror: "${topic}" can't be a topic: letters, digits, ".", "_" and "-", at most 200`,
    );
  const options = new URLSearchParams(query);
  for (const name of options.keys())
    if (!parameters.includes(name))
      throw new MeshError('usage', `--mirror: the option "${name}" is unknown; there are ${parameters.join(', ')}`);
  const tls = secure === 's' ? tlsOf(options) : undefined;
  if (tls === undefined && ['ca', 'cert', 'key'].some((name) => options.has(name)))
    throw new MeshError('usage', '--mirror: certificates need TLS: begin the URL with kafkas://');
  return {
    brokers: hosts.split(',').map((host) => (/:\d+$/.test(host) ? host : `${host}:9092`)),
    topic,
    tls,
    sasl: saslOf(login, options, tls !== undefined),
    name: `kafka${secure}://${hosts}/${topic}`,
  };
}

function tlsOf(options: URLSearchParams): NonNullable<KafkaAddress['tls']> {
  const [ca, cert, key] = ['ca', 'cert', 'key'].map((name) => options.get(name));
  if ((cert == null) !== (key == null)) throw new MeshError('usage', '--mirror: cert and key belong together');
  return { ...(ca != null && { caFile: ca }), ...(cert != null && key != null && { certFile: cert, keyFile: key }) };
}

function saslOf(login: string | undefined, options: URLSearchParams, secure: boolean): KafkaLogin | undefined {
  if (login === undefined || login === '') {
    if (options.has('sasl')) throw new MeshError('usage', '--mirror: sasl needs USER:PASSWORD@ before the host');
    return undefined;
  }
  const mechanism = options.get('sasl') ?? 'scram-sha-512';
  if (!mechanisms.includes(mechanism))
    throw new MeshError('usage', `--mirror: sasl=${mechanism}: there are ${mechanisms.join(', ')}`);
  // PLAIN hands the password itself to whoever listens.
  if (mechanism === 'plain' && !secure)
    throw new MeshError('usage', '--mirror: sasl=plain needs TLS: begin the URL with kafkas://');
  const [username = '', password] = login.split(':', 2).map(decodeURIComponent);
  const file = options.get('passwordFile');
  if ((password === undefined) === (file === null))
    throw new MeshError('usage', '--mirror: give the password once, after the user or in passwordFile');
  return {
    mechanism: mechanism.toUpperCase() as KafkaLogin['mechanism'],
    username,
    password: password ?? readFile(file ?? '').trim(),
  };
}

/** Throws MeshError `usage` when it can't be read. */
export function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new MeshError('usage', `--mirror: ${path} can't be read: ${messageOf(error)}`);
  }
}
