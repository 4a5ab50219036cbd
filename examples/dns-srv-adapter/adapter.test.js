// The adapter against a real DNS server over UDP: the contract that every adapter keeps, and what is special about SRV records.
import { describeAdapterContract } from 'periplus/adapter-contract';
import { expect, it } from 'vitest';
import { createAdapter, observe } from './adapter.js';
import { openDnsServer } from './dns-server.js';

describeAdapterContract('DNS SRV', async () => {
  const server = await openDnsServer();
  const record = (name) => `_http._tcp.${name}.example`;
  // What the suite shows, one by one and, for faults, many at once.
  const all = ['one', 'two', 'three', ...'abcdefgh'.split(''), 'after-1', 'after-2', 'after-3'];
  const open = () =>
    createAdapter({
      services: all.map((name) => ({ record: record(name) })),
      server: server.address,
      refreshSeconds: 0.05,
      timeoutMs: 200,
    });
  let shown = [];
  const answer = (names) => {
    for (const [index, name] of all.entries())
      server.set(
        record(name),
        names.includes(name) ? [{ target: `${name}-1.example`, port: 8080, address: `10.0.0.${index + 1}` }] : [],
      );
  };
  const faults = {
    'lists nothing': () => answer([]),
    'lists a part': () => answer(shown.slice(0, 2)),
    hangs: () => server.answer(false),
  };
  return {
    open,
    show: async (names) => {
      shown = [...names];
      await server.answer(true);
      answer(names);
    },
    breakDown: () => server.answer(false),
    faults: {
      kinds: Object.keys(faults),
      open,
      set: async (fault) => {
        await server.answer(true);
        await (fault === undefined ? answer(shown) : faults[fault]());
      },
    },
    close: () => server.close(),
  };
});

it('takes weight, priority, protocol and port from the record', () => {
  const target = { name: 'a.example', port: 8443, priority: 10, weight: 5, addresses: ['10.0.0.1', '10.0.0.2'] };
  const [service, first, second] = observe({ record: '_grpc._tcp.web.example' }, [target]);
  expect(service?.value).toMatchObject({
    hostname: 'web.example',
    ports: [{ name: 'grpc', port: 8443, protocol: 'GRPC' }],
  });
  const weighted = { weight: 5, ports: { grpc: 8443 }, labels: { app: 'web', 'srv-priority': '10' } };
  expect([first?.value, second?.value]).toMatchObject([
    { address: '10.0.0.1', ...weighted },
    { address: '10.0.0.2', ...weighted },
  ]);
});

it('refuses a configuration without names, and names that are none', () => {
  expect(() => createAdapter({ services: [] })).toThrow('name at least one');
  expect(() => createAdapter({ services: [{ record: 'a b' }] })).toThrow('"a b" is no DNS name');
});
