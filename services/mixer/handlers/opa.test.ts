import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpaParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { freePorts } from '../../../test/support/free-port.ts';
import { findOpa } from '../../../test/support/opa-install.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import type { Instance } from './handler.ts';
import { handlerContract } from './handler-contract.ts';
import { opa } from './opa.ts';
import { FakeOpa } from './opa-fixture.ts';
import { testMeans } from './report-fixture.ts';

const wasm = join(import.meta.dirname, 'testdata/authz.wasm');
const rego = join(import.meta.dirname, 'testdata/authz.rego');
const asks = (user: string, method: string, path: string, role = 'none'): Instance => ({
  template: 'authorization',
  name: 'who.default',
  fields: { subject: { user, properties: { role } }, action: { method, path } },
});
const questions: readonly (readonly [Instance, boolean])[] = [
  [asks('bob', 'GET', '/public/a'), true],
  [asks('bob', 'POST', '/public/a'), false],
  [asks('bob', 'GET', '/private'), false],
  [asks('alice', 'DELETE', '/private', 'admin'), true],
  [asks('alice', 'DELETE', '/private', 'guest'), false],
  [{ template: 'authorization', name: 'empty.default', fields: {} }, false],
];
const signal = () => AbortSignal.timeout(10_000);
const answers = async (params: OpaParams) => {
  const handler = opa.create(params, testMeans);
  const codes = [];
  for (const [instance] of questions) codes.push((await handler.check?.(instance, signal()))?.status.code);
  return codes;
};
const expected = questions.map(([, allowed]) => (allowed ? 0 : 7));

handlerContract('opa, compiled', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-opa-'));
  let path = wasm;
  return {
    kind: opa,
    handler: { check: (instance, late) => opa.create({ wasm: path }, testMeans).check?.(instance, late) as never },
    instances: [asks('bob', 'GET', '/')],
    breakBackEnd: async () => writeFileSync((path = join(folder, 'none.wasm')), 'no module'),
    close: async () => rmSync(folder, { recursive: true }),
  };
});

handlerContract('opa, a server', async () => {
  const fake = new FakeOpa(() => true);
  const url = await fake.start();
  return {
    kind: opa,
    handler: opa.create({ url }, testMeans),
    instances: [asks('bob', 'GET', '/')],
    breakBackEnd: async () => void (fake.broken = true),
    close: async () => fake.stop(),
  };
});

describe('the OPA handler', () => {
  it('has a compiled policy decide, as OPA itself compiled it', async () => {
    expect(await answers({ wasm })).toEqual(expected);
  });

  it('asks a server by the rule’s path, with the old adapter’s input', async () => {
    const fake = new FakeOpa((input) => (input as { action: { path: string } }).action.path === '/yes');
    const url = await fake.start();
    const handler = opa.create({ url: `${url}/`, checkMethod: 'data.mesh.authz.allow' }, testMeans);
    expect(await handler.check?.(asks('bob', 'GET', '/yes'), signal())).toMatchObject({ status: { code: 0 } });
    expect(await handler.check?.(asks('bob', 'GET', '/no'), signal())).toMatchObject({ status: { code: 7 } });
    expect(fake.paths[0]).toBe('POST /v1/data/mesh/authz/allow');
    expect(fake.inputs[0]).toEqual({
      subject: { user: 'bob', properties: { role: 'none' } },
      action: { method: 'GET', path: '/yes' },
    });
    await fake.stop();
  });

  it('takes a rule without a value for a refusal, and one that is no truth for a failure', async () => {
    const values = [undefined, { allow: true }];
    const fake = new FakeOpa(() => values.shift());
    const handler = opa.create({ url: await fake.start() }, testMeans);
    expect(await handler.check?.(asks('a', 'GET', '/'), signal())).toMatchObject({ status: { code: 7 } });
    await expect(handler.check?.(asks('a', 'GET', '/'), signal())).rejects.toThrow(/neither true nor false/);
    await fake.stop();
  });

  it('refuses a rule that the compiled policy does not have', async () => {
    await expect(answers({ wasm, checkMethod: 'data.other.allow' })).rejects.toThrow(/entrypoint other\/allow/);
  });

  it('says what to do where nothing can be asked', () => {
    expect(() => opa.create({ policy: ['package a'] }, testMeans)).toThrow(/compiled policy \(wasm\) or an OPA server/);
  });
});

const real = findOpa();
describe.skipIf('why' in real)(
  `the OPA handler with a real OPA${'why' in real ? ` (not run: ${real.why})` : ''}`,
  () => {
    let server: ChildProcess;
    let output = '';
    let url = '';
    beforeAll(async () => {
      const [port = 0] = await freePorts(1);
      url = `http://127.0.0.1:${port}`;
      const path = 'path' in real ? real.path : '';
      server = spawn(path, ['run', '--server', '--addr', `127.0.0.1:${port}`, rego], { stdio: 'pipe' });
      server.stderr?.on('data', (part) => (output += String(part)));
      await waitFor(async () => (await fetch(`${url}/health`).catch(() => undefined))?.ok === true, {
        what: () => `OPA\n${output}`,
        limitMs: 30_000,
      });
    }, 60_000);
    afterAll(async () => {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill();
      await ended;
    });

    it('gives the same answers as the compiled policy', async () => {
      expect(await answers({ url })).toEqual(expected);
    });

    it('decides by policies that the handler gives it, and says what is wrong with one', async () => {
      const text = readFileSync(rego, 'utf8').replace('package mixerauthz', 'package given');
      const handler = (policy: string) =>
        opa.create({ url, policy: [policy], checkMethod: 'data.given.allow' }, testMeans);
      const given = handler(text);
      for (const [instance, allowed] of questions)
        expect((await given.check?.(instance, signal()))?.status.code).toBe(allowed ? 0 : 7);
      const wrong = handler('package given\nallow = ');
      await expect(wrong.check?.(asks('bob', 'GET', '/'), signal())).rejects.toThrow(
        /refuses the policy periplus\/test.default\/0: .*rego_parse_error/,
      );
    });

    it('is given them again by a handler that runs', async () => {
      const policy = [`package again\nallow := true`];
      const sleeps: (() => void)[] = [];
      const sleep = async () => await new Promise<void>((resolve) => sleeps.push(resolve));
      const handler = opa.create(
        { url, policy, checkMethod: 'data.again.allow' },
        { ...testMeans, clock: { nowMs: () => 0, sleep } },
      );
      const stop = new AbortController();
      const running = handler.run?.(stop.signal);
      const code = async () => (await handler.check?.(asks('bob', 'GET', '/'), signal()))?.status.code;
      expect(await code()).toBe(0);
      await waitFor(() => sleeps.length === 1, { what: 'the first round' });
      // A server that was started again has lost it.
      await fetch(`${url}/v1/policies/periplus/test.default/0`, { method: 'DELETE' });
      expect(await code()).toBe(7);
      sleeps[0]?.();
      await waitFor(async () => (await code()) === 0, { what: 'the policy again' });
      stop.abort();
      sleeps[1]?.();
      await running;
    });
  },
);
