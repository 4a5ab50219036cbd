import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { handlerContract } from './handler-contract.ts';
import { logInstance, metricInstance, testMeans } from './report-fixture.ts';
import { stdio } from './stdio.ts';

function inFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'periplus-stdio-'));
  const path = join(folder, 'mixer.log');
  const lines = () => readFileSync(path, 'utf8').trimEnd().split('\n');
  return { path, folder, lines, close: async () => rmSync(folder, { recursive: true }) };
}

handlerContract('stdio', async () => {
  const { path, lines, close } = inFolder();
  return {
    kind: stdio,
    handler: stdio.create({ logStream: 'FILE', outputPath: path }, testMeans),
    instances: [logInstance, metricInstance],
    delivered: async () => lines().length,
    breakBackEnd: async () => {
      mkdirSync(path);
    },
    close,
  };
});

describe('the stdio handler', () => {
  const signal = new AbortController().signal;

  it('writes JSON in which a request can’t forge Mixer’s own words', async () => {
    const { path, lines, close } = inFolder();
    await stdio.create({ logStream: 'FILE', outputPath: path }, testMeans).report?.([logInstance], signal);
    expect(JSON.parse(lines()[0] ?? '')).toEqual({
      level: 'info',
      time: '2026-11-22T12:00:00.500Z',
      instance: 'accesslog.default',
      method: 'GET',
      code: 200,
    });
    await close();
  });

  it('leaves out what is below the level, and maps severities', async () => {
    const { path, lines, close } = inFolder();
    const params = {
      logStream: 'FILE',
      outputPath: path,
      outputLevel: 'ERROR',
      severityLevels: { bad: 'ERROR' },
    } as const;
    const bad = { ...logInstance, fields: { ...logInstance.fields, severity: 'bad' } };
    // One of Mixer's names that is no level's.
    const warn = { ...logInstance, fields: { ...logInstance.fields, severity: 'WARN' } };
    const fatal = { ...logInstance, fields: { ...logInstance.fields, severity: 'fatal' } };
    await stdio.create(params, testMeans).report?.([logInstance, bad, fatal, warn], signal);
    expect(lines()).toHaveLength(2);
    await stdio.create({ logStream: 'FILE', outputPath: path }, testMeans).report?.([warn], signal);
    expect(JSON.parse(lines()[2] ?? '')).toMatchObject({ level: 'warn' });
    await close();
  });

  it('rotates, and keeps as many files as it may', async () => {
    const { path, folder, close } = inFolder();
    const params = {
      logStream: 'ROTATED_FILE',
      outputPath: path,
      maxMegabytesBeforeRotation: 1,
      maxRotatedFiles: 2,
    } as const;
    const handler = stdio.create(params, testMeans);
    const big = { ...logInstance, fields: { variables: { text: 'x'.repeat(1024 * 1024) } } };
    for (let i = 0; i < 5; i++) await handler.report?.([big], signal);
    expect(readdirSync(folder).sort()).toEqual(['mixer.log', 'mixer.log.1', 'mixer.log.2']);
    await close();
  });
});
