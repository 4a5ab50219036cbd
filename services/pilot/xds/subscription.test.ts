// The subscription state machine, given what the client has, when it or the mesh says something, then what is sent.
import { describe, expect, it } from 'vitest';
import { resourceSet } from '../translate/resource-set.ts';
import { typeUrls } from '../translate/translation.ts';
import { Conversation, resource } from './xds-fixture.ts';

const { cluster, endpoints, listener, route } = typeUrls;

/** A client that has taken its first response. */
function sotwClient(
  typeUrl: typeof cluster | typeof endpoints | typeof listener,
  contents: Record<string, string>,
  names: string[] = [],
) {
  const client = new Conversation('sotw', typeUrl, contents);
  client.sotw({ names });
  client.next();
  client.sotw({ names, nonce: 'n1' });
  return client;
}

function deltaClient(
  typeUrl: typeof cluster | typeof endpoints | typeof route,
  contents: Record<string, string>,
  subscribe: string[] = [],
) {
  const client = new Conversation('delta', typeUrl, contents);
  client.delta({ subscribe });
  client.next();
  client.delta({ nonce: 'n1' });
  return client;
}

describe('secrets', () => {
  const { secret } = typeUrls;
  it('that are missing may be late: nothing is said, until it is known that there is none; then once', () => {
    const client = new Conversation('delta', secret, {});
    client.delta({ subscribe: ['a', 'b'] });
    expect(client.next()).toBeUndefined();
    client.set = resourceSet([], new Set(['a']));
    expect(client.next()).toEqual(['-a']);
    client.delta({ nonce: 'n1' });
    client.set = resourceSet([], new Set(['a']));
    expect(client.next()).toBeUndefined();
    client.set = resourceSet([resource(secret, 'a')]);
    expect(client.next()).toEqual(['a=v1']);
  });

  it('that are missing can not be spoken of in SotW', () => {
    const client = new Conversation('sotw', secret, {});
    client.sotw({ names: ['a'] });
    client.next();
    client.set = resourceSet([], new Set(['a']));
    expect(client.next()).toBeUndefined();
  });
});

describe('SotW wildcard', () => {
  it('sends everything for a first request without names', () => {
    const client = new Conversation('sotw', cluster, { a: 'v1', b: 'v1' });
    client.sotw({});
    expect(client.next()).toEqual(['a=v1', 'b=v1']);
  });

  it('sends an empty state too: the client waits for one', () => {
    const client = new Conversation('sotw', listener, {});
    client.sotw({});
    expect(client.next()).toEqual([]);
  });

  it('takes an explicit star', () => {
    const client = new Conversation('sotw', cluster, { a: 'v1' });
    client.sotw({ names: ['*'] });
    expect(client.next()).toEqual(['a=v1']);
    expect(client.state).toMatchObject({ wildcard: true, legacyWildcard: false });
  });

  it('does not take an empty list for a wildcard once names were given', () => {
    const client = sotwClient(cluster, { a: 'v1', b: 'v1' }, ['a']);
    client.sotw({ names: [], nonce: 'n1' });
    expect(client.change({ a: 'v2' }).next()).toBeUndefined();
    expect(client.state.wildcard).toBe(false);
  });

  it('has no legacy wildcard for types other than Listener and Cluster', () => {
    const client = new Conversation('sotw', endpoints, { a: 'v1' });
    client.sotw({ names: [] });
    expect(client.next()).toBeUndefined();
  });

  it('goes from the legacy wildcard by star and name to the name alone, to nothing', () => {
    const client = sotwClient(cluster, { a: 'v1', b: 'v1' });
    client.sotw({ names: ['*', 'a'], nonce: 'n1' });
    expect(client.next()).toBeUndefined();
    client.sotw({ names: ['a'], nonce: 'n1' });
    expect(client.change({ b: 'v2' }).next()).toBeUndefined();
    expect(client.change({ a: 'v2' }).next()).toEqual(['a=v2']);
    client.sotw({ names: [], nonce: 'n2' });
    expect(client.change({ a: 'v3' }).next()).toBeUndefined();
  });

  it('sends everything again when a star comes later', () => {
    const client = sotwClient(cluster, { a: 'v1', b: 'v1' }, ['a']);
    client.sotw({ names: ['*'], nonce: 'n1' });
    expect(client.next()).toEqual(['a=v1', 'b=v1']);
  });
});

describe('SotW full state', () => {
  it('sends all clusters when one changes', () => {
    const client = sotwClient(cluster, { a: 'v1', b: 'v1' });
    expect(client.change({ b: 'v2' }).next()).toEqual(['a=v1', 'b=v2']);
  });

  it('removes by leaving out', () => {
    const client = sotwClient(cluster, { a: 'v1', b: 'v1' });
    expect(client.change({ b: undefined }).next()).toEqual(['a=v1']);
  });

  it('keeps removed clusters in the state while they may be in use, then leaves them out', () => {
    const client = sotwClient(cluster, { a: 'v1', b: 'v1' });
    client.gate = { changes: true, removals: false };
    expect(client.change({ b: undefined, c: 'v1' }).next()).toEqual(['a=v1', 'c=v1', 'b=v1']);
    client.sotw({ nonce: 'n2' });
    expect(client.next()).toBeUndefined();
    client.gate = { changes: true, removals: true };
    expect(client.next()).toEqual(['a=v1', 'c=v1']);
    client.sotw({ nonce: 'n3' });
    expect(client.next()).toBeUndefined();
  });

  it('sends nothing for a removal that is held and comes back', () => {
    const client = sotwClient(cluster, { a: 'v1', b: 'v1' });
    client.gate = { changes: true, removals: false };
    expect(client.change({ b: undefined }).next()).toBeUndefined();
    expect(client.change({ b: 'v1' }).next()).toEqual(['a=v1', 'b=v1']);
    expect(client.state.lingering.size).toBe(0);
  });

  it('gives the union another version than either state', () => {
    const client = sotwClient(cluster, { a: 'v1', b: 'v1' });
    client.gate = { changes: true, removals: false };
    client.change({ a: 'v2', b: undefined }).next();
    expect(client.state.inFlight?.plan.version).not.toBe(client.set.version);
    expect(client.state.inFlight?.plan.kept).toEqual(['b']);
  });

  it('does not send again what a reconnecting wildcard client has', () => {
    const client = new Conversation('sotw', cluster, { a: 'v1' });
    client.sotw({ version: client.set.version });
    expect(client.next()).toBeUndefined();
    expect(client.change({ a: 'v2' }).next()).toEqual(['a=v2']);
  });

  it('sends everything to one that reconnects with another version', () => {
    const client = new Conversation('sotw', cluster, { a: 'v1' });
    client.sotw({ version: 'old' });
    expect(client.next()).toEqual(['a=v1']);
  });
});

describe('SotW names', () => {
  it('sends the named resources that exist', () => {
    const client = new Conversation('sotw', endpoints, { a: 'v1', b: 'v1' });
    client.sotw({ names: ['b', 'missing'] });
    expect(client.next()).toEqual(['b=v1']);
  });

  it('sends only what changed', () => {
    const client = sotwClient(endpoints, { a: 'v1', b: 'v1', c: 'v1' }, ['a', 'b']);
    expect(client.change({ b: 'v2', c: 'v2' }).next()).toEqual(['b=v2']);
  });

  it('sends a resource that springs into existence later', () => {
    const client = sotwClient(endpoints, { a: 'v1' }, ['a', 'later']);
    expect(client.change({ later: 'v1' }).next()).toEqual(['later=v1']);
  });

  it('answers newly requested names alone', () => {
    const client = sotwClient(endpoints, { a: 'v1', b: 'v1' }, ['a']);
    client.sotw({ names: ['a', 'b'], nonce: 'n1' });
    expect(client.next()).toEqual(['b=v1']);
  });

  it('sends a name again that was unsubscribed from in between', () => {
    const client = sotwClient(endpoints, { a: 'v1', b: 'v1' }, ['a', 'b']);
    client.sotw({ names: ['a'], nonce: 'n1' });
    expect(client.next()).toBeUndefined();
    client.sotw({ names: ['a', 'b'], nonce: 'n1' });
    expect(client.next()).toEqual(['b=v1']);
  });

  it('says nothing of removed endpoints: the protocol has no way to', () => {
    const client = sotwClient(endpoints, { a: 'v1' }, ['a']);
    expect(client.change({ a: undefined }).next()).toBeUndefined();
  });

  it('answers named clusters with the full state of what is named, existing or not', () => {
    const client = new Conversation('sotw', cluster, { a: 'v1', b: 'v1' });
    client.sotw({ names: ['missing'] });
    expect(client.next()).toEqual([]);
    client.sotw({ names: ['missing', 'b'], nonce: 'n1' });
    expect(client.next()).toEqual(['b=v1']);
  });
});

describe('SotW nonces', () => {
  it('ignores a request with a stale nonce, names and all', () => {
    const client = sotwClient(endpoints, { a: 'v1', b: 'v1' }, ['a']);
    client.change({ a: 'v2' }).next();
    expect(client.sotw({ names: ['a', 'b'], nonce: 'n1' })).toEqual({ kind: 'stale' });
    expect(client.state.named.has('b')).toBe(false);
    expect(client.state.inFlight).toBeDefined();
  });

  it('takes the names with the ACK that follows', () => {
    const client = sotwClient(endpoints, { a: 'v1', b: 'v1' }, ['a']);
    client.change({ a: 'v2' }).next();
    expect(client.sotw({ names: ['a', 'b'], nonce: 'n2' }).kind).toBe('ack');
    expect(client.next()).toEqual(['b=v1']);
  });

  it('takes any nonce before the first response: nonces do not survive a stream', () => {
    const client = new Conversation('sotw', cluster, { a: 'v1' });
    client.sotw({ nonce: 'from-another-stream' });
    expect(client.next()).toEqual(['a=v1']);
  });

  it('does not answer a repeated request', () => {
    const client = sotwClient(cluster, { a: 'v1' });
    expect(client.sotw({ nonce: 'n1' })).toEqual({ kind: 'request' });
    expect(client.next()).toBeUndefined();
  });
});

describe('one response in flight', () => {
  it('coalesces changes until the answer', () => {
    const client = new Conversation('sotw', endpoints, { a: 'v1' });
    client.sotw({ names: ['a', 'b'] });
    client.next();
    expect(client.change({ a: 'v2' }).next()).toBeUndefined();
    expect(client.change({ a: 'v3', b: 'v1' }).next()).toBeUndefined();
    client.sotw({ names: ['a', 'b'], nonce: 'n1' });
    expect(client.next()).toEqual(['a=v3', 'b=v1']);
  });

  it('sends nothing for a change that was undone meanwhile', () => {
    const client = new Conversation('delta', endpoints, { a: 'v1' });
    client.delta({ subscribe: ['a'] });
    client.next();
    client.change({ a: 'v2' }).next();
    client.change({ a: 'v1' });
    client.delta({ nonce: 'n1' });
    expect(client.next()).toBeUndefined();
  });
});

describe.each(['sotw', 'delta'] as const)('NACK in %s', (protocol) => {
  function rejecting(typeUrl: typeof cluster | typeof endpoints) {
    const client = new Conversation(protocol, typeUrl, { a: 'v1', b: 'v1' });
    const names = typeUrl === cluster ? [] : ['a', 'b', 'c'];
    const answer = (nonce: string, error?: string) =>
      protocol === 'sotw'
        ? client.sotw({ names, nonce, ...(error && { error }) })
        : client.delta({ nonce, ...(error && { error }) });
    if (protocol === 'sotw') client.sotw({ names });
    else client.delta({ subscribe: names });
    client.next();
    answer('n1');
    client.change({ a: 'bad' }).next();
    return { client, answer, reception: answer('n2', 'no such thing') };
  }

  it('reports the error with the response it is about', () => {
    const { reception } = rejecting(endpoints);
    expect(reception).toMatchObject({
      kind: 'nack',
      of: { nonce: 'n2' },
      error: { code: 3, message: 'no such thing' },
    });
  });

  it('does not send the content again', () => {
    const { client } = rejecting(endpoints);
    expect(client.next()).toBeUndefined();
    expect(client.change({ b: 'v2' }).next()).toEqual(['b=v2']);
  });

  it('sends new content', () => {
    const { client, answer } = rejecting(endpoints);
    expect(client.change({ a: 'v3' }).next()).toEqual(['a=v3']);
    answer('n3');
    expect(client.state.rejected.size).toBe(0);
  });

  it('sends the full state of clusters only when something changes', () => {
    const { client } = rejecting(cluster);
    expect(client.next()).toBeUndefined();
    expect(client.change({ a: 'good' }).next()).toEqual(protocol === 'sotw' ? ['a=good', 'b=v1'] : ['a=good']);
  });

  it('tries again with the change all that was refused together', () => {
    const { client, answer } = rejecting(endpoints);
    client.change({ b: 'v2', c: 'v1' }).next();
    answer('n3', 'still wrong');
    expect(client.change({ b: 'v3' }).next()).toEqual(expect.arrayContaining(['b=v3', 'c=v1', 'a=bad']));
  });
});

describe('delta wildcard', () => {
  it('sends everything, and an empty response when there is nothing', () => {
    const full = new Conversation('delta', cluster, { a: 'v1' });
    full.delta({});
    expect(full.next()).toEqual(['a=v1']);
    const empty = new Conversation('delta', cluster, {});
    empty.delta({});
    expect(empty.next()).toEqual([]);
  });

  it('sends one change and one removal', () => {
    const client = deltaClient(cluster, { a: 'v1', b: 'v1', c: 'v1' });
    expect(client.change({ a: 'v2', c: undefined }).next()).toEqual(['a=v2', '-c']);
  });

  it('keeps the legacy wildcard when a name is added, until the star is unsubscribed from', () => {
    const client = deltaClient(cluster, { a: 'v1', b: 'v1' });
    client.delta({ subscribe: ['a'] });
    expect(client.next()).toEqual(['a=v1']);
    client.delta({ nonce: 'n2' });
    expect(client.change({ b: 'v2' }).next()).toEqual(['b=v2']);
    client.delta({ nonce: 'n3' });
    client.delta({ unsubscribe: ['*'] });
    expect(client.change({ b: 'v3' }).next()).toBeUndefined();
    expect(client.change({ a: 'v2' }).next()).toEqual(['a=v2']);
    client.delta({ nonce: 'n4', unsubscribe: ['a'] });
    expect(client.change({ a: 'v3' }).next()).toBeUndefined();
    expect(client.state.wildcard).toBe(false);
  });

  it('has no legacy wildcard when the first request names something', () => {
    const client = deltaClient(cluster, { a: 'v1', b: 'v1' }, ['a']);
    expect(client.change({ b: 'v2' }).next()).toBeUndefined();
  });

  it('sends everything when the star comes later', () => {
    const client = deltaClient(cluster, { a: 'v1', b: 'v1' }, ['a']);
    client.delta({ subscribe: ['*'] });
    expect(client.next()).toEqual(['a=v1', 'b=v1']);
  });

  it('answers unknown names beside a star', () => {
    const client = new Conversation('delta', cluster, { a: 'v1' });
    client.delta({ subscribe: ['*', 'missing'] });
    expect(client.next()).toEqual(['a=v1', '-missing']);
    const later = deltaClient(cluster, { a: 'v1' }, ['a']);
    later.delta({ subscribe: ['*', 'missing'] });
    expect(later.next()).toEqual(['a=v1', '-missing']);
  });

  it('still owes the names asked for when a star that was not answered yet is taken back', () => {
    const client = deltaClient(cluster, { a: 'v1', b: 'v1' }, ['b']);
    client.change({ b: 'v2' }).next();
    client.delta({ subscribe: ['a'] });
    client.delta({ subscribe: ['*'] });
    client.delta({ unsubscribe: ['*'] });
    client.delta({ nonce: 'n2' });
    expect(client.next()).toContain('a=v1');
  });

  it('answers a name unsubscribed from under a wildcard with what the wildcard has of it', () => {
    const client = deltaClient(cluster, { a: 'v1' }, ['*', 'a', 'gone']);
    client.delta({ unsubscribe: ['a', 'gone', 'never'] });
    expect(client.next()).toEqual(['a=v1', '-gone']);
  });

  it('holds removals back, and sends them once', () => {
    const client = deltaClient(cluster, { a: 'v1', b: 'v1' });
    client.gate = { changes: true, removals: false };
    expect(client.change({ a: undefined, b: 'v2' }).next()).toEqual(['b=v2']);
    client.delta({ nonce: 'n2' });
    expect(client.next()).toBeUndefined();
    client.gate = { changes: true, removals: true };
    expect(client.next()).toEqual(['-a']);
    client.delta({ nonce: 'n3' });
    expect(client.next()).toBeUndefined();
  });

  it('forgets a held removal when the resource comes back', () => {
    const client = deltaClient(cluster, { a: 'v1' });
    client.gate = { changes: true, removals: false };
    expect(client.change({ a: undefined }).next()).toBeUndefined();
    client.gate = { changes: true, removals: true };
    expect(client.change({ a: 'v2' }).next()).toEqual(['a=v2']);
  });
});

describe('delta names', () => {
  it('answers unknown names with removed_resources', () => {
    const client = new Conversation('delta', endpoints, { a: 'v1' });
    client.delta({ subscribe: ['a', 'missing'] });
    expect(client.next()).toEqual(['a=v1', '-missing']);
  });

  it('sends the unknown one when it comes to exist', () => {
    const client = deltaClient(endpoints, {}, ['later']);
    expect(client.change({ later: 'v1' }).next()).toEqual(['later=v1']);
  });

  it('sends again what is subscribed to again, though the client should have it', () => {
    const client = deltaClient(endpoints, { a: 'v1', b: 'v1' }, ['a', 'b']);
    client.delta({ subscribe: ['a'] });
    expect(client.next()).toEqual(['a=v1']);
  });

  it('sends nothing more of an unsubscribed name and ignores phantom ones', () => {
    const client = deltaClient(endpoints, { a: 'v1' }, ['a']);
    client.delta({ unsubscribe: ['a', 'phantom'] });
    expect(client.change({ a: 'v2' }).next()).toBeUndefined();
    client.delta({ subscribe: ['a'] });
    expect(client.next()).toEqual(['a=v2']);
  });

  it('honours a subscription whose nonce is stale', () => {
    const client = deltaClient(endpoints, { a: 'v1', b: 'v1' }, ['a']);
    client.change({ a: 'v2' }).next();
    expect(client.delta({ nonce: 'n1', subscribe: ['b'] }).kind).toBe('stale');
    expect(client.next()).toBeUndefined();
    client.delta({ nonce: 'n2' });
    expect(client.next()).toEqual(['b=v1']);
  });

  it('asks nothing twice in one response', () => {
    const client = deltaClient(endpoints, { a: 'v1' }, ['a']);
    client.delta({ subscribe: ['a'] });
    expect(client.change({ a: 'v2' }).next()).toEqual(['a=v2']);
  });
});

describe('re-warmed clusters', () => {
  it.each(['sotw', 'delta'] as const)('get their endpoints though these have not changed (%s)', (protocol) => {
    const client =
      protocol === 'sotw'
        ? sotwClient(endpoints, { a: 'v1', b: 'v1' }, ['a', 'b'])
        : deltaClient(endpoints, { a: 'v1', b: 'v1' }, ['a', 'b']);
    client.warm('a', 'not-subscribed');
    expect(client.next()).toEqual(['a=v1']);
  });

  it('get them after the response in flight', () => {
    const client = deltaClient(endpoints, { a: 'v1', b: 'v1' }, ['a', 'b']);
    client.change({ b: 'v2' }).next();
    client.warm('a');
    expect(client.next()).toBeUndefined();
    client.delta({ nonce: 'n2' });
    expect(client.next()).toEqual(['a=v1']);
  });
});

describe('reconnecting delta clients', () => {
  it('are sent nothing that is unchanged', () => {
    const client = new Conversation('delta', cluster, { a: 'v1', b: 'v1' });
    client.delta({ initial: { a: client.version('a'), b: client.version('b') } });
    expect(client.next()).toBeUndefined();
    expect(client.change({ b: 'v2' }).next()).toEqual(['b=v2']);
  });

  it('are sent what is new or changed, and told what is gone', () => {
    const client = new Conversation('delta', cluster, { a: 'v2', new: 'v1', same: 'v1' });
    client.delta({ initial: { a: 'old', gone: 'x', same: client.version('same') } });
    expect(client.next()).toEqual(['a=v2', 'new=v1', '-gone']);
  });

  it('are held to their names', () => {
    const client = new Conversation('delta', endpoints, { a: 'v1', b: 'v2', c: 'v1' });
    client.delta({
      subscribe: ['a', 'b', 'gone'],
      initial: { a: client.version('a'), b: 'old', gone: 'x', other: 'x' },
    });
    expect(client.next()).toEqual(['b=v2', '-gone']);
  });

  it('get what they subscribe to later, whatever they kept', () => {
    const client = new Conversation('delta', endpoints, { a: 'v1' });
    client.delta({ subscribe: ['a'], initial: { a: client.version('a') } });
    client.next();
    client.delta({ subscribe: ['a'] });
    expect(client.next()).toEqual(['a=v1']);
  });
});

describe('a closed gate', () => {
  it('holds changes back and still answers what is asked', () => {
    const client = deltaClient(route, { a: 'v1', b: 'v1' }, ['a']);
    client.gate = { changes: false, removals: true };
    client.change({ a: 'v2', b: 'v2' });
    expect(client.next()).toBeUndefined();
    client.delta({ subscribe: ['b'] });
    expect(client.next()).toEqual(['b=v2']);
    client.delta({ nonce: 'n2' });
    client.gate = { changes: true, removals: true };
    expect(client.next()).toEqual(['a=v2', 'b=v2']);
  });
});
