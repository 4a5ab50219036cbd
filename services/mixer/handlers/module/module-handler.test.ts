import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Handler, Instance } from '../handler.ts';
import { handlerContract } from '../handler-contract.ts';
import { kindOf } from '../handler-kinds.ts';
import { logInstance, testMeans } from '../report-fixture.ts';
import type { ThreadLimits } from './handler-thread.ts';
import { moduleHandler } from './module-handler.ts';

const folder = mkdtempSync(join(tmpdir(), 'periplus-handler-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const example = join(import.meta.dirname, '../../../../examples/handler-module');
cpSync(example, join(folder, 'node_modules/periplus-example-handler'), { recursive: true });

/** A package, installed in the folder. */
function install(name: string, source: string): string {
  const target = join(folder, 'node_modules', name);
  mkdirSync(target, { recursive: true });
  writeFileSync(
    join(target, 'package.json'),
    JSON.stringify({ name, version: '1.0.0', type: 'module', exports: './index.js' }),
  );
  writeFileSync(join(target, 'index.js'), source);
  return name;
}

const entry = (value: string): Instance => ({ template: 'listentry', name: 'who.default', fields: { value } });
const signal = () => AbortSignal.timeout(30_000);
const stops: (() => Promise<unknown>)[] = [];
const handlerOf = (module: string, params: unknown = {}, limits: Partial<ThreadLimits> = {}): Handler => {
  const handler = moduleHandler({ module, params, means: testMeans, folders: [folder], limits });
  const stop = new AbortController();
  const running = handler.run?.(stop.signal).catch(() => {});
  stops.push(async () => {
    stop.abort();
    await running;
  });
  return handler;
};
afterAll(async () => {
  for (const stop of stops) await stop();
});

let files = 0;
handlerContract('module', async () => {
  const file = join(folder, `log-${++files}`);
  const params = { guests: ['jason'], file };
  const module = 'periplus-example-handler';
  return {
    kind: { name: module, templates: ['listentry', 'logentry'] },
    handler: moduleHandler({ module, params, means: testMeans, folders: [folder] }),
    instances: [entry('jason'), logInstance],
    delivered: async () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0),
  };
});

describe("a third party's handler", () => {
  it('decides with its own parameters and words', async () => {
    const handler = handlerOf('periplus-example-handler', { guests: ['jason'] });
    expect(await handler.check?.(entry('jason'), signal())).toEqual({
      status: { code: 0, message: '' },
      validForMs: 5_000,
      validUses: 1_000,
    });
    expect((await handler.check?.(entry('eve'), signal()))?.status).toEqual({
      code: 7,
      message: 'test.default: eve is no guest',
    });
  });

  it.each([
    ['no-such-package', undefined, /can't be loaded: .*no-such-package.*install it beside Periplus/],
    ['old', 'export const portVersion = 99; export const createHandler = () => ({});', /written for version 99/],
    ['unversioned', 'export const createHandler = () => ({});', /exports no portVersion/],
    ['empty', 'export const portVersion = 1;', /exports no function createHandler/],
    [
      'thrower',
      'export const portVersion = 1; export const createHandler = () => { throw new Error("url?") };',
      /url\?/,
    ],
    ['nothing', 'export const portVersion = 1; export const createHandler = () => {};', /gave no handler/],
    ['exits', 'process.exit(3); export const portVersion = 1;', /ended with code 3/],
  ])('that can not be used fails every call and says why: %s', async (name, source, why) => {
    const handler = handlerOf(source === undefined ? name : install(name, source));
    await expect(handler.check?.(entry('a'), signal())).rejects.toThrow(why);
  });

  it.each([
    ['says nothing', 'undefined', /no status with a code/],
    ['says nonsense', '({ status: { code: "yes" } })', /no status with a code/],
    ['is left open', '({ status: { code: 0 }, validForMs: -1, validUses: "many" })', undefined],
  ])('whose answer %s', async (what, answer, why) => {
    const source = `export const portVersion = 1; export const createHandler = () => ({ check: () => ${answer} });`;
    const asked = handlerOf(install(what.replaceAll(' ', '-'), source)).check?.(entry('a'), signal());
    if (why !== undefined) await expect(asked).rejects.toThrow(why);
    else expect(await asked).toEqual({ status: { code: 0, message: '' }, validForMs: 0, validUses: 1 });
  });

  it('that hangs in a loop is ended and started anew; the others wait for none of it', async () => {
    const source = `
      export const portVersion = 1;
      export const createHandler = () => ({
        check: ({ fields: { value } }) => { while (value === 'loop'); return { status: { code: 0 } }; },
      });`;
    const handler = handlerOf(install('looping', source), {}, { answerMs: 1_000 });
    expect((await handler.check?.(entry('a'), signal()))?.status.code).toBe(0);
    await expect(handler.check?.(entry('loop'), signal())).rejects.toThrow(/stuck: it gives no sign of life/);
    expect((await handler.check?.(entry('a'), signal()))?.status.code).toBe(0);
  });

  it('is told when nobody waits for its answer any more', async () => {
    const source = `
      export const portVersion = 1;
      let aborted = 0;
      export const createHandler = () => ({
        check: async ({ fields: { value } }, signal) => {
          if (value === 'count') return { status: { code: aborted } };
          return new Promise((_, reject) => signal.addEventListener('abort', () => (aborted++, reject(signal.reason))));
        },
      });`;
    const handler = handlerOf(install('waiting', source));
    await expect(handler.check?.(entry('a'), AbortSignal.timeout(50))).rejects.toThrow(/no answer in time/);
    await expect
      .poll(async () => (await handler.check?.(entry('count'), signal()))?.status.code, { timeout: 30_000 })
      .toBe(1);
  });

  it('sees nothing of the environment that may be a secret', async () => {
    process.env.PERIPLUS_TEST_TOKEN = 'secret';
    const source = `
      export const portVersion = 1;
      export const createHandler = () => ({ check: () => ({ status: { code: 0, message: Object.keys(process.env).join() } }) });`;
    const answer = await handlerOf(install('curious', source)).check?.(entry('a'), signal());
    expect(answer?.status.message).toContain('PATH');
    expect(answer?.status.message).not.toContain('TOKEN');
  });

  it.each(['./here.js', '/etc/x.js', 'node:fs', 'fs', 'data:text/javascript,0', 'https://x/y.js', '../up', 'a/b'])(
    'has a package name: %s is none',
    async (module) => {
      const ref = { name: 'test.default', adapter: 'module', module, params: {}, onFailure: 'deny' as const };
      const kind = await kindOf(ref, new Map());
      expect(() => kind.create({}, testMeans)).toThrow(/is no name of an npm package/);
    },
  );
});
