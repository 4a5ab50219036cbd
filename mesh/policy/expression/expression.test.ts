import { describe, expect, it } from 'vitest';
import { type AttributeValue, attributesOf, type ValueType } from '../attributes.ts';
import { compileExpression } from './expression.ts';

const request: Readonly<Record<string, AttributeValue>> = {
  'request.path': '/reviews/1',
  'request.method': 'GET',
  'request.size': 200,
  'request.headers': { 'x-user': 'jason', empty: '' },
  'source.ip': '10.11.12.13',
  'source.principal': 'cluster.local/ns/default/sa/productpage',
  'destination.service.host': 'ratings.default.svc.cluster.local',
  'response.duration': 15,
  'context.time': Date.parse('2026-01-01T00:00:00Z'),
  'connection.mtls': true,
};

function evaluate(text: string, attributes = request): AttributeValue | undefined {
  const compiled = compileExpression(text);
  if (!compiled.ok) throw new Error(`${text} at ${compiled.problem.at}: ${compiled.problem.message}`);
  return compiled.expression.evaluate(attributesOf(attributes));
}

describe('expressions', () => {
  it.each<[string, AttributeValue]>([
    ['request.size == 200', true],
    ['request.method != "GET"', false],
    ['(request.size == 200) || (request.auth.principal == "admin")', true],
    ['request.size == 200 && request.method == "GET"', true],
    ['request.headers["x-user"]', 'jason'],
    ['request.host | "none"', 'none'],
    ['request.path + request.method', '/reviews/1GET'],
    ['request.size + 1', 201],
    ['source.labels["app"] | source.labels["svc"] | "unknown"', 'unknown'],
    // Go's precedence: (a | b) == c
    ['request.host | "none" == "none"', true],
    ['request.headers["empty"] | "none"', ''],
    ['match(destination.service.host, "*.default.svc.cluster.local")', true],
    ['match(destination.service.host, "ratings.*")', true],
    ['match(destination.service.host, "ratings")', false],
    ['source.ip == ip("10.11.12.13")', true],
    ['source.ip == ip("::ffff:10.11.12.13")', true],
    ['context.time < timestamp("2026-01-02T15:04:35Z")', true],
    ['response.duration > "10ms"', true],
    ['response.duration == duration("0.015s")', true],
    ['dnsName("WWW.istio.io") == dnsName("www.istio.io.")', true],
    ['email("a@Istio.io") == email("a@istio.io")', true],
    ['uri("http://istio.io") == uri("http://ISTIO.io/")', true],
    ['"/rev.*/\\\\d+".matches(request.path)', true],
    ['request.path.matches("^/rev")', true],
    ['request.path.startsWith("/reviews")', true],
    ['request.path.endsWith("/2")', false],
    ['conditional((context.reporter.kind | "inbound") == "outbound", "client", "server")', 'server'],
    ['conditionalString(connection.mtls, "tls", "none")', 'tls'],
    ['toLower("User-Agent")', 'user-agent'],
    ['size("admin")', 5],
    ['size(request.headers)', 2],
    ['size(source.labels | emptyStringMap())', 0],
    ['reverse("abc")', 'cba'],
    ['!connection.mtls || true', true],
    ['`a\\b` == "a\\\\b"', true],
    ['True && !FALSE', true],
    ['-1 < 1', true],
    ['1 < 1.5', true],
  ])('%s', (text, value) => expect(evaluate(text)).toEqual(value));

  it.each([
    'request.host == "a"',
    'request.host != "a"',
    'request.headers["none"]',
    'source.labels["app"] == "x"',
    '!(request.host == "a")',
    'request.host == "a" || true',
    'true && request.host == "a"',
    'conditional(request.host == "a", 1, 2)',
    'request.headers["x-user"] == "jason" && request.host == "a"',
    'match(request.host, "*")',
    '"x".matches(request.host)',
    'ip(request.path) == source.ip',
  ])('%s has no value where an attribute it needs is absent', (text) => expect(evaluate(text)).toBeUndefined());

  it.each<[string, boolean]>([
    ['false && request.host == "a"', false],
    ['true || request.host == "a"', true],
  ])('%s does not look at what can not matter', (text, value) => expect(evaluate(text)).toBe(value));

  it.each<[string, number, RegExp]>([
    ['', 0, /is empty/],
    ['request.pth == "x"', 0, /unknown attribute "request.pth"; did you mean request.path\?/],
    ['request.size == "x"', 16, /== expects INT64 here, found STRING/],
    ['request.path == 1', 16, /expects STRING here, found INT64/],
    ['request.size && true', 0, /&& expects BOOL here, found INT64/],
    ['source.ip == "10.0.0.1"', 13, /expects IP_ADDRESS here, found STRING/],
    ['source.ip == ip("10.0.0.256")', 16, /"10.0.0.256" is no IP_ADDRESS/],
    ['context.time > timestamp("yesterday")', 25, /is no TIMESTAMP/],
    ['startWith(request.path, "x")', 0, /unknown function "startWith"; did you mean startsWith\?/],
    ['EQ(1, 1)', 0, /unknown function "EQ"/],
    ['request.path.startsWith("a", "b")', 0, /startsWith takes 2 arguments, found 3/],
    ['"(".matches(request.path)', 0, /no regular expression of RE2/],
    ['"(?=a)".matches(request.path)', 0, /no regular expression of RE2/],
    ['request.path.matches(request.host)', 0, /needs a literal pattern/],
    ['request.path ==', 15, /expected an attribute, a literal or a function, found the end/],
    ['request.path == "x', 16, /does not end/],
    ['request.path = "x"', 13, /"=" has no meaning/],
    ['(request.size', 13, /expected \), found the end/],
    ['request.size 1', 13, /did not expect "1"/],
    ['request.headers < request.headers', 0, /< is for INT64/],
    ['99999999999999999999 == 1', 0, /too large/],
    [`${'('.repeat(100)}true${')'.repeat(100)}`, 64, /nested deeper/],
    [`${'!'.repeat(100_000)}true`, 0, /longer than/],
    [Array.from({ length: 100 }, () => 'true').join(' && '), 512, /nested deeper/],
  ])('refuses %s', (text, at, message) => {
    const compiled = compileExpression(text);
    expect(compiled.ok ? 'accepted' : compiled.problem.message).toMatch(message);
    if (!compiled.ok && text.length < 60) expect(compiled.problem.at).toBe(at);
  });

  it('refuses another type than the one that is asked for', () => {
    const types: readonly [string, ValueType][] = [
      ['request.path', 'BOOL'],
      ['true', 'STRING'],
    ];
    for (const [text, type] of types)
      expect(compileExpression(text, { type })).toMatchObject({ ok: false, problem: { at: 0 } });
  });

  it('takes as long for a hostile pattern as for any other', () => {
    const compiled = compileExpression('"^(a+)+$".matches(request.path)');
    const attributes = attributesOf({ 'request.path': `${'a'.repeat(20_000)}!` });
    const started = performance.now();
    expect(compiled.ok && compiled.expression.evaluate(attributes)).toBe(false);
    // Backtracking would take longer than the universe has lasted.
    expect(performance.now() - started).toBeLessThan(30_000);
  });
});
