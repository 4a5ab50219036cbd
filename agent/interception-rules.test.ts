import { describe, expect, it } from 'vitest';
import { defaultInterception, interceptionRules, restoreText } from './interception-rules.ts';

const golden = `*nat
:PERIPLUS_INBOUND - [0:0]
:PERIPLUS_IN_REDIRECT - [0:0]
:PERIPLUS_OUTPUT - [0:0]
:PERIPLUS_REDIRECT - [0:0]
-A PERIPLUS_REDIRECT -p tcp -j REDIRECT --to-ports 15001
-A PERIPLUS_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A PERIPLUS_INBOUND -p tcp --dport 15000 -j RETURN
-A PERIPLUS_INBOUND -p tcp --dport 15008 -j RETURN
-A PERIPLUS_INBOUND -p tcp --dport 15020 -j RETURN
-A PERIPLUS_INBOUND -p tcp --dport 15021 -j RETURN
-A PERIPLUS_INBOUND -p tcp --dport 15090 -j RETURN
-A PERIPLUS_INBOUND -p tcp -j PERIPLUS_IN_REDIRECT
-A PERIPLUS_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN
-A PERIPLUS_OUTPUT -o lo ! -d 127.0.0.1/32 -m owner --uid-owner 1337 -j PERIPLUS_IN_REDIRECT
-A PERIPLUS_OUTPUT -o lo ! -d 127.0.0.1/32 -m owner --gid-owner 1337 -j PERIPLUS_IN_REDIRECT
-A PERIPLUS_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A PERIPLUS_OUTPUT -m owner --gid-owner 1337 -j RETURN
-A PERIPLUS_OUTPUT -o lo -j RETURN
-A PERIPLUS_OUTPUT -d 127.0.0.1/32 -j RETURN
-A PERIPLUS_OUTPUT -j PERIPLUS_REDIRECT
-A PREROUTING -p tcp -j PERIPLUS_INBOUND
-A OUTPUT -p tcp -j PERIPLUS_OUTPUT
COMMIT
`;

describe('interception rules', () => {
  it('are these when nothing is said', () => {
    expect(restoreText(interceptionRules(defaultInterception))).toBe(golden);
  });

  it('leave out ports and ranges, before anything is captured', () => {
    const { rules } = interceptionRules({
      ...defaultInterception,
      excludedInboundPorts: [22, 15020, 22],
      excludedOutboundPorts: [3306],
      excludedOutboundRanges: ['169.254.169.254/32'],
    });
    expect(rules.filter((rule) => rule.startsWith('-A PERIPLUS_INBOUND'))).toEqual([
      '-A PERIPLUS_INBOUND -p tcp --dport 22 -j RETURN',
      '-A PERIPLUS_INBOUND -p tcp --dport 15020 -j RETURN',
      '-A PERIPLUS_INBOUND -p tcp -j PERIPLUS_IN_REDIRECT',
    ]);
    const port = rules.indexOf('-A PERIPLUS_OUTPUT -p tcp --dport 3306 -j RETURN');
    const range = rules.indexOf('-A PERIPLUS_OUTPUT -d 169.254.169.254/32 -j RETURN');
    const capture = rules.indexOf('-A PERIPLUS_OUTPUT -j PERIPLUS_REDIRECT');
    expect(port).toBeGreaterThanOrEqual(0);
    expect(range).toBeGreaterThanOrEqual(0);
    expect(capture).toBeGreaterThan(Math.max(port, range));
  });

  it('applied again, add no second jump', () => {
    const rules = interceptionRules(defaultInterception);
    const again = restoreText(rules, `*nat\n${rules.jumps.join('\n')}\nCOMMIT\n`);
    expect(again).not.toMatch(/-A (PREROUTING|OUTPUT)/);
    expect(again).toContain('-A PERIPLUS_OUTPUT -j PERIPLUS_REDIRECT');
  });
});
