// An adapter module for tests: shows the services that a JSON file names (`{ "names": [...] }`), looked at every few milliseconds.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export const portVersion = 1;

export function createAdapter({ file, instance = 'default' }) {
  return { platform: 'testbed', instance, run: (sink, signal) => follow(file, sink, signal) };
}

async function follow(file, sink, signal) {
  while (!signal.aborted) {
    const text = await readFile(file, 'utf8').catch((error) => sink.lost(error.message));
    if (text !== undefined) {
      const { names, removed = [], items, stuck, ends } = JSON.parse(text);
      while (stuck);
      if (ends) process.exit(7);
      await sink.replace('all', items ?? names.flatMap(thingsOf), {
        explicit: ({ value }) => removed.includes(value.name ?? value.id),
      });
      await sink.synced(['all']);
    }
    await sleep(10, undefined, { signal }).catch(() => {});
  }
}

function thingsOf(name) {
  const common = { hostname: `${name}.testbed`, namespace: 'default', platform: 'testbed', labels: { app: name } };
  const service = {
    ...{ ...common, name, addresses: [], ports: [{ name: 'http', port: 80, protocol: 'HTTP' }] },
    ...{ resolution: 'STATIC', location: 'MESH_INTERNAL' },
  };
  const endpoint = { ...common, id: name, address: '10.0.0.1', ports: { http: 80 }, health: 'healthy' };
  return [
    { kind: 'service', value: service },
    { kind: 'endpoint', value: endpoint },
  ];
}
