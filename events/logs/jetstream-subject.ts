// Aggregates' subjects as NATS subjects: `config/Gateway/default/a.b` becomes `config.Gateway.default.a%2Eb`.
import { defaultMesh } from './jetstream-url.ts';

/**
 * What a NATS token can't hold, or what this encoding uses (docs.nats.io, Subject-Based Messaging: no white space, `.` separates,
 * `*` and `>` are wildcards). Other Unicode stays readable.
 */
const unsafe = /[\p{Cc}\p{Z}.*>%]/gu;

/** The subject's path as NATS tokens, reversibly, so that `nats sub 'MESH.facts.config.>'` and permissions by kind work. */
export function subjectTokens(subject: string): string {
  return subject
    .split('/')
    .map((part) => (part === '' ? '%' : part.replace(unsafe, (char) => escaped(char))))
    .join('.');
}

/** What `subjectTokens` was given. */
export function subjectOfTokens(tokens: string): string {
  return tokens
    .split('.')
    .map((token) => (token === '%' ? '' : token.replace(/(?:%[0-9A-F]{2})+/g, decodeURIComponent)))
    .join('/');
}

function escaped(char: string): string {
  return [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

/**
 * First part of the core NATS subjects on which a mesh's events are published live: `mesh`, so that `nats sub 'mesh.>'` shows them; a mesh of
 * another name than the default has `mesh-NAME`, for two may share a server.
 */
export function livePrefix(mesh: string): string {
  return mesh === defaultMesh ? 'mesh' : `mesh-${mesh}`;
}
