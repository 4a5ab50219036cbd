// The adapter over a small platform of its own: the contract that every adapter keeps, and what is special about this one.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describeAdapterContract } from 'periplus/adapter-contract';
import { expect, it } from 'vitest';
import { createAdapter, translate } from './adapter.js';

/** A stand-in for the platform. Run the suite against a real one, too, wherever you can. */
async function openPlatform() {
  const addresses = new Map();
  let list = [];
  let isDown = false;
  let fault;
  /** How the platform goes wrong, by the suite's words. */
  const faults = {
    'lists nothing': (response) => response.end('[]'),
    'lists a part': (response) => response.end(JSON.stringify(list.slice(0, 2))),
    'answers slowly': (response) => setTimeout(() => response.end(JSON.stringify(list)), 100),
    'refuses the token': (response) => response.writeHead(403).end(),
    'is too busy': (response) => response.writeHead(429).end(),
    'answers nonsense': (response) => response.end('<html>a proxy says hello</html>'),
  };
  const server = createServer((_, response) => {
    if (isDown) response.destroy();
    else if (fault !== undefined) faults[fault](response);
    else response.end(JSON.stringify(list));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    show: (names) => {
      isDown = false;
      for (const name of names) if (!addresses.has(name)) addresses.set(name, `10.0.0.${addresses.size + 1}`);
      list = names.map((name) => ({ service: name, id: `${name}-1`, address: addresses.get(name), port: 8080 }));
    },
    breakDown: () => {
      isDown = true;
    },
    faults: Object.keys(faults),
    /** It is so from now on; undefined: it is well. */
    goWrong: (kind) => {
      fault = kind;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describeAdapterContract('my-platform', async () => {
  const platform = await openPlatform();
  const open = () => createAdapter({ url: platform.url, refreshMs: 20 });
  return {
    open,
    show: async (names) => platform.show(names),
    breakDown: async () => platform.breakDown(),
    // After each of these nothing may be gone.
    faults: { kinds: platform.faults, open, set: async (kind) => platform.goWrong(kind) },
    close: async () => platform.close(),
  };
});

it('shows an instance that is not healthy as one that gets no traffic', () => {
  const [, endpoint] = translate(
    [{ service: 'web', id: 'a', address: '10.0.0.1', port: 80, healthy: false }],
    'NAME.x',
  );
  expect(endpoint).toMatchObject({ kind: 'endpoint', value: { hostname: 'web.x', health: 'unhealthy' } });
});

it('refuses a configuration without a URL', () => {
  expect(() => createAdapter({})).toThrow('url is missing');
});
