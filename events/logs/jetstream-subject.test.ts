import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { subjectOfTokens, subjectTokens } from './jetstream-subject.ts';

describe('subjectTokens', () => {
  it('keeps what NATS takes and escapes what it does not', () => {
    expect(subjectTokens('config/VirtualService/default/reviews')).toBe('config.VirtualService.default.reviews');
    expect(subjectTokens('registry/service/a.b c*>%/ä')).toBe('registry.service.a%2Eb%20c%2A%3E%25.ä');
    expect(subjectTokens('a//b/')).toBe('a.%.b.%');
  });

  it('gives, for any subject, tokens that NATS takes and that can be read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (subject) => {
        const tokens = subjectTokens(subject);
        expect(tokens).not.toMatch(/[\s*>]|^\.|\.$|\.\./u);
        expect(subjectOfTokens(tokens)).toBe(subject);
      }),
    );
  });
});
