// Hosts that left HTTPS servers: remembered until their connections are drained, and no others.
import { describe, expect, it } from 'vitest';
import { gatewayDrainSubject } from '../events/config-facts.ts';
import type { Server } from './config/schemas/gateway.ts';
import {
  type BareFact,
  builderOf,
  configApplied,
  configDeleted,
  quarantined,
  recorded,
  resourceOf,
} from './snapshot-fixture.ts';

const server = (name: string, hosts: string[], over: Partial<Server> = {}): Server => ({
  port: { number: 443, name, protocol: 'HTTPS' },
  hosts,
  tls: { mode: 'SIMPLE', credentialName: name },
  ...over,
});
const shop = (...servers: Server[]) => resourceOf('Gateway', 'shop', { servers });
const drained = (through: number): BareFact => {
  const data = { namespace: 'default', name: 'shop', through };
  return { type: 'io.periplus.config.gateway-drained', subject: gatewayDrainSubject(data), data };
};
/** What is remembered after these facts. */
function drainsAfter(...facts: BareFact[]) {
  const builder = builderOf({});
  for (const fact of facts) builder.apply(recorded(fact, builder.position + 1));
  return [...builder.snapshot().gatewayDrains].map(([key, releases]) => [
    key,
    ...releases.map(({ position, server: { portName }, hosts }) => `${position} ${portName} ${hosts.join()}`),
  ]);
}
const applied = (...servers: Server[]) => configApplied(shop(...servers));

describe('hosts that leave an HTTPS server', () => {
  it('are remembered by server, in lower case and without a namespace', () => {
    const facts = [
      applied(server('one', ['A.com', 'b.com']), server('two', ['ns/c.com'])),
      applied(server('one', ['b.com'])),
    ];
    expect(drainsAfter(...facts)).toEqual([['default/shop', '2 one a.com']]);
  });

  it('are forgotten when the log says so, as far as it says', () => {
    const facts = [
      applied(server('one', ['a.com', 'b.com', 'c.com'])),
      applied(server('one', ['b.com', 'c.com'])),
      applied(server('one', ['c.com'])),
    ];
    expect(drainsAfter(...facts, drained(2))).toEqual([['default/shop', '3 one b.com']]);
    expect(drainsAfter(...facts, drained(3))).toEqual([]);
    expect(drainsAfter(drained(3))).toEqual([]);
  });

  it('are none where bytes pass or HTTP is plain, and where the server or the Gateway goes', () => {
    const pass = (hosts: string[]) => server('one', hosts, { tls: { mode: 'PASSTHROUGH' } });
    const plain = (hosts: string[]) =>
      server('one', hosts, { port: { number: 80, name: 'one', protocol: 'HTTP' }, tls: { mode: 'SIMPLE' } });
    expect(drainsAfter(applied(pass(['a.com', 'b.com'])), applied(pass(['b.com'])))).toEqual([]);
    expect(drainsAfter(applied(plain(['a.com', 'b.com'])), applied(plain(['b.com'])))).toEqual([]);
    expect(drainsAfter(applied(server('one', ['a.com'])), applied(server('two', ['b.com'])))).toEqual([]);
    expect(drainsAfter(applied(server('one', ['a.com'])), configDeleted(shop()))).toEqual([]);
  });

  it('come back with a quarantine of what released them', () => {
    const facts = [applied(server('one', ['a.com', 'b.com'])), applied(server('one', ['b.com']))];
    expect(drainsAfter(...facts, quarantined(2))).toEqual([]);
  });
});
