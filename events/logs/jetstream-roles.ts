// What each service may do on a NATS server, subject by subject, and the server's configuration that says so. Pure.
import { MeshError } from '../../lib/mesh-error.ts';
import { livePrefix } from './jetstream-subject.ts';

/** A service, one platform's adapters, whoever only reads, or the one that may cut the past off. */
export type NatsRole =
  | 'pilot'
  | 'mixer'
  | 'citadel'
  | 'adapters'
  | 'mirror'
  | 'reader'
  | 'compactor'
  | `adapters-${string}`;

/** Roles that every mesh has; `adapters` may write for every platform. */
export const natsRoles: readonly NatsRole[] = [
  'pilot',
  'mixer',
  'citadel',
  'adapters',
  'mirror',
  'reader',
  'compactor',
];

/** Platforms whose adapters bring Istio's resources along: these may write configuration too. */
const configPlatforms: readonly string[] = ['kubernetes', 'files'];

/** What a user may publish and subscribe to (docs.nats.io, Authorization). */
export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** A user of the server. */
export interface NatsUser {
  readonly role: NatsRole;
  /** The public half of its nkey: `U…`. */
  readonly publicKey: string;
}

/** Inbox prefix of a role: with `?inbox=` it is the only place where its answers arrive, and nobody else's. */
export function inboxOf(role: NatsRole): string {
  return `_INBOX_${role}`;
}

/** The role of the adapters of one platform. Throws MeshError `usage` when the name can't be a token of a NATS subject. */
export function platformRole(platform: string): NatsRole {
  if (!/^[a-z0-9-]+$/.test(platform))
    throw new MeshError('usage', `"${platform}" is no platform: lower case letters, digits and -`);
  return `adapters-${platform}`;
}

/** Everything that a role needs on the server, and nothing more. `mesh` is the prefix of its streams. */
export function permissionsOf(role: NatsRole, mesh: string): NatsPermissions {
  const live = `${livePrefix(mesh)}.>`;
  return {
    publish: [...reading(mesh), ...(role === 'reader' ? [] : creating(mesh)), ...writing(role, mesh)],
    subscribe: [`${inboxOf(role)}.>`, ...(role === 'reader' ? [live] : [])],
  };
}

/** Streams of logs, and of what lies beside them. */
const logStreams = (mesh: string) => [`${mesh}-facts`, `${mesh}-deliveries`];
const allStreams = (mesh: string) => [
  ...logStreams(mesh),
  `${mesh}-snapshots`,
  `KV_${mesh}-leases`,
  `KV_${mesh}-bookmarks`,
  `${mesh}-counts`,
];

/** Reading is asking: every read of JetStream begins with a request. */
function reading(mesh: string): readonly string[] {
  const ofStream = ['STREAM.INFO', 'STREAM.MSG.GET', 'DIRECT.GET'];
  const ofConsumer = ['CREATE', 'INFO', 'MSG.NEXT', 'DELETE'];
  return [
    '$JS.API.INFO',
    ...allStreams(mesh).flatMap((stream) => ofStream.map((name) => `$JS.API.${name}.${stream}`)),
    ...logStreams(mesh).flatMap((stream) => ofConsumer.map((name) => `$JS.API.CONSUMER.${name}.${stream}.>`)),
    ...logStreams(mesh).map((stream) => `$JS.ACK.${stream}.>`),
  ];
}

/** Whoever comes first makes what is not there; a stream that is there is not changed by it. */
function creating(mesh: string): readonly string[] {
  return allStreams(mesh).map((stream) => `$JS.API.STREAM.CREATE.${stream}`);
}

/** A writer's own subjects. The checkpoint is due by whoever appends the thousandth event. */
function writing(role: NatsRole, mesh: string): readonly string[] {
  const facts = (...subjects: readonly string[]) =>
    [...subjects, 'system.checkpoint'].map((subject) => `${mesh}.facts.${subject}`);
  const lease = (name: string) => `$KV.${mesh}-leases.${name}.>`;
  const bookmark = (name: string) => `$KV.${mesh}-bookmarks.${name}.>`;
  switch (role) {
    case 'pilot':
      return [
        ...facts('config.>', 'policy.>', 'system.quarantine.>', 'registry.proxy.>', 'registry.*.release.>'),
        `${mesh}.deliveries.>`,
        `${mesh}.snapshots.>`,
        `${livePrefix(mesh)}.>`,
        lease('mirror.live'),
        lease('pilots'),
        bookmark('live'),
      ];
    case 'mirror':
      return [lease('mirror')];
    case 'mixer':
      return [...facts('policy.>', 'registry.mixer.>'), `${mesh}.counts.>`, lease('mixers')];
    case 'citadel':
      return facts('identity.>');
    case 'adapters':
      return [...facts('registry.>', 'config.>'), lease('adapters')];
    case 'reader':
      return [];
    case 'compactor':
      return [...logStreams(mesh), `${mesh}-snapshots`].map((stream) => `$JS.API.STREAM.PURGE.${stream}`);
    default: {
      const platform = role.slice('adapters-'.length);
      const config = configPlatforms.includes(platform) ? ['config.>'] : [];
      return [...facts(`registry.${platform}.>`, ...config), lease(`adapters.${platform}`)];
    }
  }
}

/** The `authorization` block of the server's configuration: include it beside `jetstream` (deploy/nats.conf). */
export function authorizationText(users: readonly NatsUser[], mesh: string): string {
  const list = (subjects: readonly string[]) =>
    subjects.map((subject) => `          ${JSON.stringify(subject)}\n`).join('');
  const text = users.map(({ role, publicKey }) => {
    const { publish, subscribe } = permissionsOf(role, mesh);
    return `    # ${role}
    {
      nkey: ${publicKey}
      permissions {
        publish: [
${list(publish)}        ]
        subscribe: [
${list(subscribe)}        ]
      }
    }
`;
  });
  return `# Made by "periplus nats keys": who may do what in the mesh ${mesh}. Nobody may delete streams or messages; only the compactor may purge.
authorization {
  users = [
${text.join('')}  ]
}
`;
}
