import { describe, expect, it } from 'vitest';
import { keySetSource } from './key-set-source.ts';

describe('where the keys of a JWT rule are', () => {
  it('is its jwksUri, or what its issuer publishes', () => {
    expect(keySetSource({ issuer: 'https://a.example/x/', jwksUri: 'https://b.example/keys?v=1' })).toBe(
      'https://b.example/keys?v=1',
    );
    expect(keySetSource({ issuer: 'https://a.example/x/' })).toBe(
      'https://a.example/x/.well-known/openid-configuration',
    );
  });
  it.each([
    'https://a.example?x=',
    'https://a.example/#',
    'https://a.example/?',
    'https://a.example/x#y',
    'file:///etc/passwd',
    'a.example',
    `https://a.example/${'x'.repeat(900)}`,
  ])('is nowhere for the issuer %s', (issuer) => {
    expect(keySetSource({ issuer })).toBeUndefined();
  });
  it('is nowhere for inline keys, and for a URI that no event’s subject holds', () => {
    expect(keySetSource({ issuer: 'https://a.example', jwks: '{"keys":[]}' })).toBeUndefined();
    expect(keySetSource({ jwksUri: `https://a.example/${'x'.repeat(900)}` })).toBeUndefined();
  });
});
