import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryLog } from '../../events/logs/memory.ts';
import { systemClock } from '../../lib/clock.ts';
import { guestEnvironment } from '../../lib/guest-thread.ts';
import { silentLogger } from '../../lib/logger.ts';
import { type AdapterFixture, describeAdapterContract, type PlatformFault, snapshotOf } from '../adapter-contract.ts';
import { platformRules } from '../platform-rules.ts';
import { AdapterRunner } from '../runner.ts';
import { loadModuleAdapter } from './module-adapter.ts';
import type { ModuleLimits } from './module-thread.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const testdata = join(import.meta.dirname, 'testdata');
const load = (module: string, config: unknown, limits: Partial<ModuleLimits> = {}) =>
  loadModuleAdapter({ module, config, folders: [testdata], logger: silentLogger, limits });

function scratch() {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-module-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'platform.json');
  return {
    ...{ file, cure: join(folder, 'cure') },
    show: (content: unknown) => writeFileSync(file, JSON.stringify(content)),
  };
}

/** Follows an adapter under the rules for platforms. */
async function follow(module: string, config: object, limits: Partial<ModuleLimits> = {}) {
  const log = new MemoryLog();
  const adapter = await load(module, config, limits);
  const runner = new AdapterRunner({
    adapter,
    log,
    clock: systemClock,
    logger: silentLogger,
    ...platformRules(),
    flapWindowMs: 0,
  });
  const stop = new AbortController();
  const running = runner.run(stop.signal).catch((error) => {
    if (!stop.signal.aborted) throw error;
  });
  cleanups.push(async () => {
    stop.abort();
    await running;
  });
  const status = () => runner.status.value;
  const names = async () => [...(await snapshotOf(log)).registry.services.values()].map(({ name }) => name).sort();
  const until = async (what: string, fact: () => boolean | Promise<boolean>) => {
    for (const deadline = Date.now() + 30_000; !(await fact()); await systemClock.sleep(10))
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}: ${JSON.stringify(status())}`);
  };
  return {
    status,
    names,
    until,
    untilNames: (...wanted: string[]) => until(wanted.join(), async () => (await names()).join() === wanted.join()),
  };
}

describeAdapterContract('an adapter module in its thread', async (): Promise<AdapterFixture> => {
  const { file, show } = scratch();
  // Short, but no pause of a busy machine.
  const adapter = await load('./good.js', { file }, { answerMs: 1_500 });
  let shown: readonly string[] = [];
  const faults: Partial<Record<PlatformFault, () => void>> = {
    'lists nothing': () => show({ names: [] }),
    'lists a part': () => show({ names: shown.slice(0, 2) }),
    'answers nonsense': () => show({ items: [null, 3] }),
    'refuses the token': () => rmSync(file),
    hangs: () => show({ stuck: true }),
    'cuts its streams': () => show({ ends: true }),
  };
  return {
    open: () => adapter,
    show: async (names) => {
      shown = [...names];
      show({ names });
    },
    breakDown: async () => rmSync(file),
    faults: {
      kinds: Object.keys(faults) as PlatformFault[],
      open: () => adapter,
      set: async (fault) => (fault === undefined ? show({ names: shown }) : faults[fault]?.()),
    },
    close: async () => {},
  };
});

describe('a module that can not be used is refused at the start', () => {
  it.each([
    ['./missing.js', {}, /can't be loaded: .*missing\.js/],
    ['no-such-package', {}, /can't be loaded: .*no-such-package/],
    ['./old.js', {}, /is written for version 99; this Periplus has version 1/],
    ['./unversioned.js', {}, /exports no portVersion/],
    ['./bad.js', { illness: 'throws in createAdapter' }, /createAdapter of \.\/bad\.js: config\.url is missing/],
    ['./bad.js', { illness: 'creates nothing' }, /gave no adapter/],
    ['./bad.js', { illness: 'has no platform' }, /has no platform/],
    ['./bad.js', { illness: 'takes a reserved platform' }, /"consul", which is Periplus' own/],
  ])('%s %j', async (module, config, message) => {
    await expect(load(module, config)).rejects.toMatchObject({ code: 'usage', message });
  });

  it('and one that hangs, too', async () => {
    const hanging = load('./bad.js', { illness: 'hangs in createAdapter' }, { loadMs: 300 });
    await expect(hanging).rejects.toMatchObject({ code: 'usage', message: /not loaded within 300 ms/ });
  });
});

describe('a module that goes wrong later is a platform that is lost, until it is well', () => {
  it.each([
    ['throws', /the adapter has a bug/],
    ['throws later', /failed: the adapter has a bug/],
    ['rejects', /the adapter has a bug/],
    ['exits', /ended its thread with code 7/],
    ['loops', /its thread is stuck/],
    ['says nothing', /has said nothing for 400 ms/],
    ['fills its heap', /memory limit|out of memory/i],
  ])('%s', async (illness, reason) => {
    const { file, cure, show } = scratch();
    show({ names: ['one'] });
    const limits = {
      ...(illness === 'loops' && { answerMs: 400 }),
      ...(illness === 'says nothing' && { firstWordMs: 400 }),
      ...(illness === 'fills its heap' && { maxHeapMiB: 32 }),
    };
    const { status, until, untilNames } = await follow('./bad.js', { illness, cure, file }, limits);
    await until('the loss', () => status()?.state === 'lost');
    expect(status()?.reason).toMatch(reason);
    writeFileSync(cure, '');
    if (illness === 'says nothing') return;
    await untilNames('one');
    await until('sync', () => status()?.state === 'synced');
  });

  it('keeps what it said while its thread is away, and goes on with what it shows then', async () => {
    const { file, show } = scratch();
    show({ names: ['one', 'two'] });
    const { status, names, until, untilNames } = await follow('./good.js', { file });
    await untilNames('one', 'two');
    writeFileSync(file, 'no JSON: the adapter rejects');
    await until('the loss', () => status()?.state === 'lost');
    expect(await names()).toEqual(['one', 'two']);
    show({ names: ['two', 'three'] });
    await untilNames('three', 'two');
  });
});

describe('nonsense', () => {
  const service = {
    ...{ hostname: 'x.testbed', name: 'x', namespace: 'default', platform: 'testbed', addresses: [], ports: [] },
    ...{ labels: {}, resolution: 'STATIC', location: 'MESH_INTERNAL' },
  };
  const endpoint = {
    ...{ id: 'x', hostname: 'x.testbed', namespace: 'default', platform: 'testbed', address: '10.0.0.1' },
    ...{ ports: {}, labels: {}, health: 'healthy' },
  };
  it.each([
    ['no list', 'hello', /its content is no list/],
    ['no things', [null, 3], /item 0 has the kind undefined/],
    ['configuration', [{ kind: 'config', value: {} }], /kind "config"; it may be service, endpoint or workload/],
    ['a port of 0', [{ kind: 'endpoint', value: { ...endpoint, ports: { http: 0 } } }], /\/ports\/http must be >= 1/],
    ['an unknown field', [{ kind: 'service', value: { ...service, secret: 1 } }], /additional|secret/],
    [
      'another platform',
      [{ kind: 'service', value: { ...service, platform: 'kubernetes' } }],
      /of platform "kubernetes"/,
    ],
    ['a hostname that is none', [{ kind: 'service', value: { ...service, hostname: 'a b' } }], /\/hostname/],
    ['unknown health', [{ kind: 'endpoint', value: { ...endpoint, health: 'fine' } }], /\/health/],
  ])('is refused and named, and changes nothing: %s', async (_, items, problem) => {
    const { file, show } = scratch();
    show({ names: ['one'] });
    const { status, names, until, untilNames } = await follow('./good.js', { file });
    await untilNames('one');
    show({ items });
    await until('the problem', () => status()?.problems.has('all') === true);
    expect(status()?.problems.get('all')).toMatch(problem);
    expect(await names()).toEqual(['one']);
    show({ names: ['one', 'two'] });
    await untilNames('one', 'two');
    await until('no problem', () => status()?.problems.size === 0);
  });
});

it('a module says what was taken out on purpose: that is believed at once, the rest is held', async () => {
  const { file, show } = scratch();
  const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
  show({ names });
  const { status, until, untilNames } = await follow('./good.js', { file });
  await untilNames(...names);
  await until('sync', () => status()?.state === 'synced');
  // Services and endpoints of five are said to be removed; the other five are missing without a word.
  show({ names: [], removed: names.slice(5) });
  await untilNames(...names.slice(0, 5));
  await until('the rest to be held', () => status()?.heldCount === 10);
});

it('a module sees no variables but its own', () => {
  const env = { PATH: '/bin', CONSUL_HTTP_TOKEN: 'secret', PERIPLUS_ADAPTER_KEY: 'own', PERIPLUS_TOKEN: 'secret' };
  expect(guestEnvironment(env, 'PERIPLUS_ADAPTER_')).toEqual({ PATH: '/bin', PERIPLUS_ADAPTER_KEY: 'own' });
});
