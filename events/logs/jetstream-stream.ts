// The stream of a log: made as a log needs it, and refused when someone has made or changed it otherwise.
import { MeshError } from '../../lib/mesh-error.ts';
import { answerMs, type NatsLink } from './jetstream-link.ts';

/** What a log needs to know of its stream. */
export interface StreamState {
  readonly messages: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

/** A stream's configuration as the JetStream API has it (docs.nats.io, Streams). */
export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly [setting: string]: unknown;
}

interface StreamInfo {
  readonly config: StreamConfig;
  readonly state: { readonly messages: number; readonly first_seq: number; readonly last_seq: number };
}

/** Answers of the JetStream API that are no failures here. */
const codes = { notFound: 10059, nameInUse: 10058 } as const;

/**
 * Configuration of a log's stream: on disk; nothing ages out or is dropped to make room (`discard: new` refuses appends instead); whole
 * batches only; readable without a consumer. `deny_purge` can't be undone, so cutting old events is left to permissions.
 */
export function logStreamConfig(name: string, subjectPrefix: string, replicas: number): StreamConfig {
  return {
    name,
    subjects: [`${subjectPrefix}.>`],
    retention: 'limits',
    storage: 'file',
    discard: 'new',
    max_age: 0,
    max_msgs: -1,
    max_bytes: -1,
    max_msgs_per_subject: -1,
    num_replicas: replicas,
    allow_atomic: true,
    allow_direct: true,
    deny_purge: false,
  };
}

/** Settings whose other values lose events or break appends. Replicas, placement and limits of size may be changed by operators. */
const needed: readonly string[] = [
  'retention',
  'storage',
  'discard',
  'max_age',
  'max_msgs_per_subject',
  'allow_atomic',
];

/** Makes the stream unless it is there. Throws MeshError `invalid` naming a setting that would lose events. */
export async function ensureStream(link: NatsLink, config: StreamConfig): Promise<StreamState> {
  const found = (await streamInfo(link, config.name)) ?? (await createStream(link, config));
  for (const setting of needed) {
    const value = found.config[setting] ?? (typeof config[setting] === 'boolean' ? false : 0);
    if (value === config[setting]) continue;
    const [has, needs] = [value, config[setting]].map((one) => JSON.stringify(one));
    const message = `the stream ${config.name} has ${setting}=${has}, it needs ${needs}: change it with nats stream edit`;
    throw new MeshError('invalid', message);
  }
  return stateOf(found);
}

/** How far the stream goes; undefined when there is none. Rejects with `unavailable`. */
export async function streamState(link: NatsLink, name: string): Promise<StreamState | undefined> {
  const info = await streamInfo(link, name);
  return info === undefined ? undefined : stateOf(info);
}

async function streamInfo(link: NatsLink, name: string): Promise<StreamInfo | undefined> {
  return await api<StreamInfo>(link, { subject: `STREAM.INFO.${name}`, missing: codes.notFound });
}

async function createStream(link: NatsLink, config: StreamConfig): Promise<StreamInfo> {
  const request = { subject: `STREAM.CREATE.${config.name}`, body: config, missing: codes.nameInUse };
  // Another process may have made it in the meantime.
  const info = (await api<StreamInfo>(link, request)) ?? (await streamInfo(link, config.name));
  if (info === undefined) throw new MeshError('unavailable', `NATS made no stream ${config.name}`);
  return info;
}

/** Calls the JetStream API; undefined for the answer `missing`. Rejects with `unavailable`. */
export async function api<T>(
  link: NatsLink,
  request: { readonly subject: string; readonly body?: unknown; readonly missing?: number },
): Promise<T | undefined> {
  const body = request.body === undefined ? '' : JSON.stringify(request.body);
  const answer = await link.ask((connection) =>
    connection.request(`$JS.API.${request.subject}`, body, { timeout: answerMs }),
  );
  const value = answer.json<T & { error?: { err_code: number; description: string } }>();
  if (value.error === undefined) return value;
  if (value.error.err_code === request.missing) return undefined;
  const message = `NATS refuses ${request.subject}: ${value.error.description} (${value.error.err_code})`;
  throw new MeshError('unavailable', message);
}

function stateOf({ state }: StreamInfo): StreamState {
  return { messages: state.messages, firstSequence: state.first_seq, lastSequence: state.last_seq };
}
