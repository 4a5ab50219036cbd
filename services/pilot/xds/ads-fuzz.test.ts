// Random conversations and junk: an ADS stream never throws, never has two responses in flight, and always converges.

import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from '../../../gen/envoy/service/discovery/v3/discovery_pb.js';
import { resourceSet } from '../translate/resource-set.ts';
import { type ResourceSet, type Translation, type TypeUrl, typeUrls } from '../translate/translation.ts';
import { contextFor, recordingObserver } from './ads-client-fixture.ts';
import { defaultAdsLimits } from './ads-limits.ts';
import { AdsStream } from './ads-stream.ts';
import { NameInterner } from './name-set.ts';
import { ResponseCache } from './response-cache.ts';
import type { Protocol } from './response-codec.ts';
import { SharedSelections } from './selection.ts';
import type { StreamTransport } from './stream-means.ts';
import { changed, deltaBytes, resource, sotwBytes, translationOf } from './xds-fixture.ts';

const types: readonly TypeUrl[] = [typeUrls.cluster, typeUrls.endpoints, typeUrls.listener, typeUrls.route];
const names = ['a', 'b', 'c', 'd'];

/** A client that keeps what it is sent, as the protocol says it must, over a stream without network. */
class Model {
  readonly stream: AdsStream;
  readonly protocol: Protocol;
  nowMs = 0;
  readable = true;
  ended = false;
  translation: Translation;
  /** Responses not answered yet, per type. */
  readonly unanswered = new Map<string, { nonce: string; version: string; apply: () => void }>();
  readonly held = new Map<string, Map<string, string>>();
  /** Of the last response that was answered: what requests carry. */
  readonly lastNonce = new Map<string, string>();
  readonly #nonces = new Set<string>();
  readonly subscribed = new Map<string, Set<string>>();
  #node: { id: string } | undefined = { id: 'n' };

  constructor(protocol: Protocol) {
    this.protocol = protocol;
    this.translation = translationOf(
      1,
      Object.fromEntries(types.map((type) => [type, resourceSet([resource(type, 'a', 'a:0')])])),
    );
    const transport: StreamTransport = {
      peer: '',
      client: { kind: 'none' },
      canWrite: () => this.readable && !this.ended,
      write: (bytes) => this.#take(bytes),
      end: () => {
        this.ended = true;
      },
    };
    this.stream = new AdsStream({
      id: 's',
      protocol,
      transport,
      means: {
        selections: new SharedSelections(),
        responses: new ResponseCache({ controlPlane: 'p' }),
        interner: new NameInterner(),
        observer: recordingObserver([]),
        clock: { nowMs: () => this.nowMs },
        contextOf: () => contextFor('~1'),
        join: () => this.translation,
        trustDomain: undefined,
        limits: defaultAdsLimits,
      },
    });
  }

  ask(typeUrl: TypeUrl, wanted: readonly string[], dropped: readonly string[] = []): void {
    const before = this.subscribed.get(typeUrl) ?? new Set();
    if (this.protocol === 'sotw') {
      this.subscribed.set(typeUrl, new Set(wanted));
      this.#send(
        sotwBytes({
          ...this.#nodeOnce(),
          typeUrl,
          resourceNames: [...wanted],
          responseNonce: this.lastNonce.get(typeUrl) ?? '',
        }),
      );
    } else {
      const subscribe = wanted.filter((name) => !dropped.includes(name));
      this.subscribed.set(typeUrl, new Set([...before, ...subscribe].filter((name) => !dropped.includes(name))));
      for (const name of dropped) if (before.has(name)) this.held.get(typeUrl)?.delete(name);
      this.#send(
        deltaBytes({
          ...this.#nodeOnce(),
          typeUrl,
          resourceNamesSubscribe: subscribe,
          resourceNamesUnsubscribe: [...dropped],
        }),
      );
    }
  }

  answer(typeUrl: TypeUrl, accept: boolean): void {
    const response = this.unanswered.get(typeUrl);
    if (!response) return;
    this.unanswered.delete(typeUrl);
    this.lastNonce.set(typeUrl, response.nonce);
    if (accept) response.apply();
    const error = accept ? {} : { errorDetail: { code: 3, message: 'no' } };
    const { nonce: responseNonce, version: versionInfo } = response;
    if (this.protocol === 'sotw') {
      const resourceNames = [...(this.subscribed.get(typeUrl) ?? [])];
      this.#send(sotwBytes({ ...this.#nodeOnce(), typeUrl, responseNonce, versionInfo, resourceNames, ...error }));
    } else this.#send(deltaBytes({ ...this.#nodeOnce(), typeUrl, responseNonce, ...error }));
  }

  change(typeUrl: TypeUrl, contents: Record<string, string | undefined>): void {
    const sets = Object.fromEntries(types.map((type) => [type, this.translation.resources(type)])) as Record<
      TypeUrl,
      ResourceSet
    >;
    sets[typeUrl] = changed(typeUrl, sets[typeUrl], contents);
    this.translation = translationOf(this.translation.position + 1, sets);
    if (this.stream.identity) this.stream.update(this.translation);
  }

  /** Answers everything and lets time pass until nothing more comes. */
  settle(): void {
    this.readable = true;
    for (let i = 0; i < 30; i++) {
      this.stream.flush();
      for (const type of types) this.answer(type, true);
      this.nowMs += 3_000;
      this.stream.tick();
    }
  }

  #nodeOnce() {
    const node = this.#node;
    this.#node = undefined;
    return node ? { node } : {};
  }

  #send(bytes: Buffer): void {
    if (!this.ended) this.stream.receive(bytes);
  }

  #take(bytes: Buffer): void {
    const sotw = this.protocol === 'sotw';
    const message = sotw ? fromBinary(DiscoveryResponseSchema, bytes) : fromBinary(DeltaDiscoveryResponseSchema, bytes);
    const { typeUrl, nonce } = message;
    expect(this.unanswered.has(typeUrl), 'one response in flight per type').toBe(false);
    expect(this.#nonces.has(`${typeUrl} ${nonce}`), 'a fresh nonce').toBe(false);
    this.#nonces.add(`${typeUrl} ${nonce}`);
    const version = 'versionInfo' in message ? message.versionInfo : '';
    this.unanswered.set(typeUrl, { nonce, version, apply: () => this.#apply(message) });
  }

  #apply(
    message:
      | ReturnType<typeof fromBinary<typeof DiscoveryResponseSchema>>
      | ReturnType<typeof fromBinary<typeof DeltaDiscoveryResponseSchema>>,
  ): void {
    const held = this.held.get(message.typeUrl) ?? new Map<string, string>();
    this.held.set(message.typeUrl, held);
    if ('removedResources' in message) {
      const updated = message.resources.map(({ name }) => name);
      expect(new Set(updated).size, 'no name twice in a response').toBe(updated.length);
      for (const { name, resource: any } of message.resources) held.set(name, Buffer.from(any?.value ?? []).toString());
      for (const name of message.removedResources) held.delete(name);
    } else {
      const full = message.typeUrl === typeUrls.cluster || message.typeUrl === typeUrls.listener;
      if (full) held.clear();
      for (const { value } of message.resources) {
        const content = Buffer.from(value).toString();
        held.set(content.slice(0, content.indexOf(':')), content);
      }
    }
  }
}

const nameList = fc.uniqueArray(fc.constantFrom(...names, '*'), { maxLength: 3 });
const step = fc.oneof(
  fc.record({ do: fc.constant('ask' as const), type: fc.constantFrom(...types), names: nameList, dropped: nameList }),
  fc.record({ do: fc.constant('answer' as const), type: fc.constantFrom(...types), accept: fc.boolean() }),
  fc.record({
    do: fc.constant('change' as const),
    type: fc.constantFrom(...types),
    name: fc.constantFrom(...names),
    content: fc.option(fc.nat(5), { nil: undefined }),
  }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat(3_000) }),
  fc.record({ do: fc.constant('block' as const), readable: fc.boolean() }),
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

function take(model: Model, taken: Step): void {
  if (taken.do === 'ask') model.ask(taken.type, taken.names, taken.dropped);
  else if (taken.do === 'answer') model.answer(taken.type, taken.accept);
  else if (taken.do === 'change') {
    const content = taken.content === undefined ? undefined : `${taken.name}:${taken.content}`;
    model.change(taken.type, { [taken.name]: content });
  } else if (taken.do === 'wait') {
    model.nowMs += taken.ms;
    model.stream.tick();
  } else model.readable = taken.readable;
}

function expectNewest(model: Model, type: TypeUrl): void {
  const subscription = model.stream.subscription(type);
  const wanted = names.filter((name) => subscription?.wildcard || subscription?.named.has(name));
  const held = wanted.map((name) => model.held.get(type)?.get(name));
  expect([type, held]).toEqual([type, wanted.map((name) => `${name}:final`)]);
}

/** SotW has no way to say that a resource other than a Listener or Cluster is gone. */
function expectCurrent(model: Model, type: TypeUrl): void {
  const subscription = model.stream.subscription(type);
  const set = model.translation.resources(type);
  const full = type === typeUrls.cluster || type === typeUrls.listener;
  for (const name of names) {
    if (!subscription?.wildcard && !subscription?.named.has(name)) continue;
    const content = set.get(name);
    if (content === undefined && model.protocol === 'sotw' && !full) continue;
    const held = model.held.get(type)?.get(name);
    expect([type, name, held]).toEqual([type, name, content && Buffer.from(content.bytes).toString()]);
  }
}

describe.each(['sotw', 'delta'] as const)('a random %s conversation', (protocol) => {
  it('ends with the client holding the newest state of what it wants', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const model = new Model(protocol);
        for (const taken of steps) take(model, taken);
        model.settle();
        if (!steps.some((taken) => taken.do === 'answer' && !taken.accept))
          for (const type of types) expectCurrent(model, type);
        // New content for everything ends what was refused.
        for (const type of types) for (const name of names) model.change(type, { [name]: `${name}:final` });
        model.settle();
        for (const type of types) expectNewest(model, type);
      }),
      { numRuns: 300 },
    );
  });
});

describe('junk', () => {
  it('ends the stream and throws nothing', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('sotw' as const, 'delta' as const),
        fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 5 }),
        (protocol, junk) => {
          const model = new Model(protocol);
          for (const bytes of junk) model.stream.receive(bytes);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('does not fill memory with names', () => {
    const model = new Model('delta');
    for (let i = 0; i < 100 && !model.ended; i++) {
      const unique = Array.from({ length: 2000 }, (_, n) => `x${i}-${n}`);
      model.ask(typeUrls.endpoints, unique);
      model.answer(typeUrls.endpoints, true);
    }
    expect(model.ended).toBe(true);
  });
});
