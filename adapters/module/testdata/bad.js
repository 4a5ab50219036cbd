// An adapter module for tests that goes wrong in the way its configuration says, until the file `cure` exists.
import { existsSync } from 'node:fs';
import { createAdapter as createGood } from './good.js';

export const portVersion = 1;

const never = new Promise(() => {});
const illnesses = {
  throws: () => {
    throw new Error('the adapter has a bug');
  },
  'throws later': async () => {
    setTimeout(() => illnesses.throws(), 1);
    await never;
  },
  rejects: async () => {
    await Promise.reject(new Error('the adapter has a bug'));
  },
  exits: () => process.exit(7),
  loops: () => {
    for (;;);
  },
  'says nothing': async () => {
    await never;
  },
  'fills its heap': () => {
    const heap = [];
    for (;;) heap.push(new Array(100_000).fill({}).map((_, index) => ({ index })));
  },
};

export function createAdapter(config) {
  const { illness, cure } = config;
  if (illness === 'has no platform') return { run: async () => {} };
  if (illness === 'takes a reserved platform') return { platform: 'consul', instance: 'default', run: async () => {} };
  if (illness === 'creates nothing') return undefined;
  if (illness === 'throws in createAdapter') throw new Error('config.url is missing');
  if (illness === 'hangs in createAdapter') return never;
  const good = createGood(config);
  // The first run is well: it is what it said that must stay.
  return { ...good, run: (sink, signal) => (existsSync(cure) ? good.run(sink, signal) : illnesses[illness](sink)) };
}
