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
  const server = createServer((_, response) => (isDown ? response.destroy() : response.end(JSON.stringify(list))));
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
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describeAdapterContract('my-platform', async () => {
  const platform = await openPlatform();
  return {
    open: () => createAdapter({ url: platform.url, refreshMs: 20 }),
    show: async (names) => platform.show(names),
    breakDown: async () => platform.breakDown(),
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
