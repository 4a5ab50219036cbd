import { create } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import type { EncodedSecret } from './sds-secrets.ts';
import { type SdsRequest, SdsStream } from './sds-stream.ts';

const secrets = (versions: Readonly<Record<string, string>>): ReadonlyMap<string, EncodedSecret> =>
  new Map(Object.entries(versions).map(([name, version]) => [name, { name, version, resource: create(AnySchema) }]));
const asking = (more: Partial<SdsRequest>): SdsRequest => ({
  nonce: '',
  error: undefined,
  names: [],
  unsubscribe: [],
  initialVersions: {},
  ...more,
});
const namesOf = (response: ReturnType<SdsStream['respond']>) => response?.secrets.map(({ name }) => name);

describe('an SDS stream', () => {
  it.each([false, true])('(delta: %s) answers once there is something, then only what is new', (delta) => {
    const stream = new SdsStream({ delta });
    stream.request(asking({ names: ['default'] }));
    expect(stream.respond(undefined)).toBeUndefined();
    const first = stream.respond(secrets({ default: 'a', ROOTCA: 'b' }));
    expect([namesOf(first), first?.nonce]).toEqual([['default'], '1']);
    stream.request(asking({ nonce: '1', names: delta ? [] : ['default'] }));
    expect(stream.respond(secrets({ default: 'a', ROOTCA: 'c' }))).toBeUndefined();
    expect(namesOf(stream.respond(secrets({ default: 'x', ROOTCA: 'c' })))).toEqual(['default']);
  });

  it('ignores the answer to a response before the last (SotW)', () => {
    const stream = new SdsStream({ delta: false });
    stream.request(asking({ names: ['default'] }));
    stream.respond(secrets({ default: 'a' }));
    stream.respond(secrets({ default: 'b' }));
    expect(stream.request(asking({ nonce: '1', names: [] }))).toBe(false);
    expect(namesOf(stream.respond(secrets({ default: 'c' })))).toEqual(['default']);
  });

  it('sends again what Envoy refused only when it is different', () => {
    const stream = new SdsStream({ delta: false });
    stream.request(asking({ names: ['default'] }));
    stream.respond(secrets({ default: 'a' }));
    stream.request(asking({ nonce: '1', names: ['default'], error: 'bad key' }));
    expect(stream.respond(secrets({ default: 'a' }))).toBeUndefined();
    expect(namesOf(stream.respond(secrets({ default: 'b' })))).toEqual(['default']);
  });

  it('given what a delta client kept, sends what it lacks and says what does not exist', () => {
    const stream = new SdsStream({ delta: true });
    const names = ['ROOTCA', 'default', 'other'];
    stream.request(asking({ names, initialVersions: { ROOTCA: 'b', default: 'old' } }));
    const response = stream.respond(secrets({ default: 'a', ROOTCA: 'b' }));
    expect([namesOf(response), response?.removed]).toEqual([['default'], ['other']]);
    stream.request(asking({ unsubscribe: ['default'] }));
    expect(stream.respond(secrets({ default: 'c', ROOTCA: 'b' }))).toBeUndefined();
  });
});
