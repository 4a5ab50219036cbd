// What Envoy 1.40 takes is taken, what it refuses is refused (each tried with `envoy --mode validate`).
import { describe, expect, it } from 'vitest';
import { celProblem } from './envoy-cel.ts';

describe('celProblem', () => {
  it.each([
    'foo.bar',
    "request.host.matches('a+')",
    'has(request.headers.x)',
    "int('1')",
    "request.host.startsWith('a') ? 'b' : 'c'",
    "'a' in request.headers",
    'request.time.getHours()',
    "response.code >= 400 || request.headers['x-debug'] == 'on'",
  ])('takes %s', (expression) => expect(celProblem(expression)).toBeUndefined());

  it.each([
    ['nofun(request.host)', /no function nofun/],
    ['string(1)', /no function string/],
    ["request.headers.exists(x, x == 'a')", /no function exists/],
    ["request.host.split('.')[0]", /no function split/],
    ['request.host +', /no CEL expression/],
    ["request.host.matches('(')", /matches\(\)/],
    ["true ? request.host.matches('(') : false", /matches\(\)/],
    ['a % 2', /neither %/],
    ['', /expected/],
    ['"a\n"', /line break/],
    [`${'a+'.repeat(3000)}a`, /longer/],
  ])('refuses %j', (expression, why) => expect(celProblem(expression)).toMatch(why));
});
