import { describe, expect, it } from 'vitest';
import { scrubText, scrubValue } from './scrub.ts';

describe('scrubText', () => {
  it.each([
    ['a field named for a secret', { Meta: { db_password: 'hunter2', team: 'red' } }, 'hunter2'],
    ['an ACL token', { SecretID: 'b1gs-7f2f4f0e' }, '7f2f4f0e'],
    ['an environment', { Env: ['KEY=abc', 'A=b'], env: [{ name: 'X', value: 'abc' }] }, 'abc'],
    ['a command', { Command: 'app --key abc', Args: ['--key', 'abc'] }, 'abc'],
    ['a copy of what was applied', { 'kubectl.kubernetes.io/last-applied-configuration': '{"k":"abc"}' }, 'abc'],
    ['a token of JSON', { note: `x eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl y` }, 'eyJ'],
    ['a private key', { note: '-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----' }, 'MHcC'],
    ['a password in a URL', { Tags: ['url=postgres://anna:hunter2@db/x'] }, 'hunter2'],
    ['a tag', { Tags: ['api-key=abc123', 'http'] }, 'abc123'],
  ])('cuts %s', (_, value, secret) => {
    const text = scrubText(JSON.stringify(value));
    expect(text).not.toContain(secret);
    expect(() => JSON.parse(text)).not.toThrow();
  });

  it('cuts known secrets wherever they stand, and what is no JSON, too', () => {
    expect(scrubText('{"echo":"7f2f-4b2e"}', ['7f2f-4b2e'])).toBe('{"echo":"(scrubbed)"}');
    expect(scrubText('denied: token=abc def')).toBe('denied: token=(scrubbed) def');
  });

  it('leaves everything else as it is', () => {
    const answer = [
      {
        Node: { Node: 'n1', Address: '10.0.0.1', Meta: { region: 'eu' } },
        Service: { ID: 'web-1', Port: 8080, Tags: ['http', 'version=v1'], Weights: { Passing: 1 } },
        Checks: [{ CheckID: 'serfHealth', Status: 'passing' }],
      },
    ];
    expect(scrubValue(answer)).toEqual(answer);
    expect(scrubValue({ Secrets: 3, tokens: false, Password: '' })).toEqual({
      Secrets: 3,
      tokens: false,
      Password: '',
    });
  });
});
