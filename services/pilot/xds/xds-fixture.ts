// Resources, sets, requests and one-type conversations for the tests of this folder.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
} from '../../../gen/envoy/service/discovery/v3/discovery_pb.js';
import { encodeSpliced } from '../translate/encode.ts';
import { patchedSet, resourceSet } from '../translate/resource-set.ts';
import type { EncodedResource, ResourceSet, Translation, TypeUrl } from '../translate/translation.ts';
import { NameSet } from './name-set.ts';
import { planNext } from './plan.ts';
import type { DeltaRequest, SotwRequest, XdsRequest } from './request-codec.ts';
import type { Protocol } from './response-codec.ts';
import { SharedSelections } from './selection.ts';
import {
  accept,
  type Gate,
  newSubscription,
  openGate,
  type Reception,
  receive,
  type Subscription,
  sent,
  touch,
} from './subscription.ts';

/** A resource whose bytes are `content`. */
export function resource(typeUrl: TypeUrl, name: string, content = 'v1'): EncodedResource {
  return encodeSpliced(typeUrl, name, [Buffer.from(content)]);
}

/** A set of `{ name: content }`. */
export function setOf(typeUrl: TypeUrl, contents: Readonly<Record<string, string>>): ResourceSet {
  return resourceSet(Object.entries(contents).map(([name, content]) => resource(typeUrl, name, content)));
}

/** A successor of `set`; `undefined` removes. */
export function changed(
  typeUrl: TypeUrl,
  set: ResourceSet,
  contents: Readonly<Record<string, string | undefined>>,
): ResourceSet {
  const entries = Object.entries(contents);
  return patchedSet(
    set,
    new Map(
      entries.map(([name, content]) => [name, content === undefined ? undefined : resource(typeUrl, name, content)]),
    ),
  );
}

const nothing = resourceSet([]);

/** A translation of these sets. */
export function translationOf(position: number, sets: Partial<Record<TypeUrl, ResourceSet>>): Translation {
  return { position, warnings: [], credentials: [], resources: (typeUrl) => sets[typeUrl] ?? nothing };
}

/** What a response held, for expectations: `a=v1` for resources, `-a` for removals, in the response's order. */
export type Sent = readonly string[];

/** Plays one subscription against sets; responses get nonces n1, n2, …. */
export class Conversation {
  readonly selections = new SharedSelections();
  readonly typeUrl: TypeUrl;
  state: Subscription;
  set: ResourceSet;
  gate: Gate = openGate;
  #nonces = 0;

  constructor(protocol: Protocol, typeUrl: TypeUrl, contents: Readonly<Record<string, string>>) {
    this.typeUrl = typeUrl;
    this.state = newSubscription(protocol, typeUrl);
    this.set = setOf(typeUrl, contents);
  }

  /** A SotW request. */
  sotw(request: Partial<{ names: string[]; nonce: string; version: string; error: string }>): Reception {
    return this.#receive({
      protocol: 'sotw',
      names: new NameSet(request.names ?? []),
      version: request.version ?? '',
      ...this.#common(request),
    } satisfies SotwRequest);
  }

  /** A delta request. */
  delta(
    request: Partial<{
      subscribe: string[];
      unsubscribe: string[];
      initial: Record<string, string>;
      nonce: string;
      error: string;
    }>,
  ): Reception {
    return this.#receive({
      protocol: 'delta',
      subscribe: new NameSet(request.subscribe ?? []),
      unsubscribe: new NameSet(request.unsubscribe ?? []),
      initialVersions: new Map(Object.entries(request.initial ?? {})),
      ...this.#common(request),
    } satisfies DeltaRequest);
  }

  /** The mesh changes. */
  change(contents: Readonly<Record<string, string | undefined>>): this {
    this.set = changed(this.typeUrl, this.set, contents);
    return this;
  }

  /** A cluster of that name was sent. */
  warm(...names: string[]): void {
    this.state = touch(this.state, names);
  }

  /** What is sent now; undefined: nothing. */
  next(): Sent | undefined {
    const decision = planNext(this.state, this.set, this.gate, this.selections);
    if (decision.kind === 'wait') return undefined;
    if (decision.kind === 'accept') {
      this.state = accept(this.state, decision.plan);
      return undefined;
    }
    const nonce = `n${++this.#nonces}`;
    this.state = sent(this.state, { nonce, position: 1, sentMs: 0, plan: decision.plan });
    const { updated, removed } = decision.plan.selection;
    return [
      ...updated.map(({ name, bytes }) => `${name}=${Buffer.from(bytes).toString()}`),
      ...removed.map((name) => `-${name}`),
    ];
  }

  /** The version of a resource as delta clients know it. */
  version(name: string): string {
    return this.set.get(name)?.version ?? '';
  }

  #common(request: { nonce?: string; error?: string }) {
    return {
      typeUrl: this.typeUrl,
      node: undefined,
      nonce: request.nonce ?? '',
      error: request.error === undefined ? undefined : { code: 3, message: request.error },
    };
  }

  #receive(request: XdsRequest): Reception {
    const { next, reception } = receive(this.state, request);
    this.state = next;
    return reception;
  }
}

/** A DiscoveryRequest's bytes. */
export function sotwBytes(init: MessageInitShape<typeof DiscoveryRequestSchema>): Buffer {
  return Buffer.from(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, init)));
}

/** A DeltaDiscoveryRequest's bytes. */
export function deltaBytes(init: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): Buffer {
  return Buffer.from(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, init)));
}
