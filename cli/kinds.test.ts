import { describe, expect, it } from 'vitest';
import { meshConfigKey } from '../mesh/config/mesh-config.ts';
import { kinds } from '../mesh/config/schemas/kinds.ts';
import { configKindOf, kindOf, knownKinds } from './kinds.ts';

describe('kindOf', () => {
  it.each([
    ['vs', 'VirtualService'],
    ['VirtualService', 'VirtualService'],
    ['virtualservices.networking.istio.io', 'VirtualService'],
    ['dr', 'DestinationRule'],
    ['sidecars', 'Sidecar'],
    ['svc', 'services'],
    ['ep', 'endpoints'],
  ])('%s means %s', (name, kind) => expect(kindOf(name).kind).toBe(kind));

  it('suggests the nearest name for a slip', () => {
    expect(() => kindOf('virtualservics')).toThrow(/unknown kind "virtualservics"; did you mean virtualservices?/);
  });

  it('refuses to change the registry', () => {
    expect(() => configKindOf('services')).toThrow(/can't be changed here/);
  });

  it('knows every kind that the config store keeps, each name once', () => {
    const stored = [...kinds.values()].filter((kind) => kind.type === 'config').map((kind) => kind.kind);
    stored.push(meshConfigKey.kind);
    expect(
      knownKinds
        .filter((kind) => kind.source === 'config')
        .map((kind) => kind.kind)
        .sort(),
    ).toEqual(stored.sort());
    const names = knownKinds.flatMap((kind) => [...new Set(kind.names)]);
    expect(new Set(names).size).toBe(names.length);
  });
});
