// The stdio handler: log entries and metrics as lines of JSON, on standard output, standard error or in a file.
import { appendFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StdioParams } from '../../../mesh/config/schemas/mixer-adapters.ts';
import { mapOf, textOf, timeMsOf } from './field-values.ts';
import type { Handler, HandlerKind, HandlerMeans, Instance } from './handler.ts';

/** Mixer's defaults for rotated files. */
const defaultMaxMegabytes = 100;
const defaultMaxFiles = 1000;
const levels = ['INFO', 'WARNING', 'ERROR'] as const;
/** As Mixer wrote them. */
const levelNames = { INFO: 'info', WARNING: 'warn', ERROR: 'error' } as const;
/** Mixer's names of severities beside the levels' own. */
const otherSeverities: Readonly<Record<string, (typeof levels)[number]>> = {
  INFORMATIONAL: 'INFO',
  WARN: 'WARNING',
  ERR: 'ERROR',
  FATAL: 'ERROR',
};

/** See the file's first line. */
export const stdio: HandlerKind<StdioParams> = {
  name: 'stdio',
  templates: ['logentry', 'metric'],
  create: (params, means) => stdioHandler(params, means),
};

function stdioHandler(params: StdioParams, { clock }: HandlerMeans): Handler {
  const write = writerOf(params);
  const least = levels.indexOf(params.outputLevel ?? 'INFO');
  return {
    async report(batch) {
      const nowMs = clock.nowMs();
      const lines = batch
        .filter((instance) => levels.indexOf(levelOf(instance, params)) >= least)
        .map((instance) => lineOf(instance, params, nowMs));
      if (lines.length > 0) await write(lines.join(''));
    },
  };
}

function levelOf({ template, fields }: Instance, { severityLevels = {}, metricLevel }: StdioParams) {
  if (template === 'metric') return metricLevel ?? 'INFO';
  const severity = textOf(fields.severity);
  const name = severity.toUpperCase();
  const known = levels.find((level) => level === name) ?? otherSeverities[name];
  return severityLevels[severity] ?? known ?? 'INFO';
}

function lineOf(instance: Instance, params: StdioParams, nowMs: number): string {
  const { fields, name, template } = instance;
  const head = {
    level: levelNames[levelOf(instance, params)],
    time: new Date(timeMsOf(fields.timestamp, nowMs)).toISOString(),
    instance: name,
  };
  const rest = template === 'metric' ? { value: fields.value, ...mapOf(fields.dimensions) } : mapOf(fields.variables);
  if (params.outputAsJson === false) {
    const pairs = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(textOf(value))}`);
    return `${head.time} ${head.level} ${head.instance} ${pairs.join(' ')}\n`;
  }
  // What a request says must not stand where Mixer's own words do.
  return `${JSON.stringify({ ...rest, ...head })}\n`;
}

function writerOf(params: StdioParams): (text: string) => Promise<void> {
  const { logStream = 'STDOUT', outputPath = '' } = params;
  switch (logStream) {
    case 'STDOUT':
      return (text) => toStream(process.stdout, text);
    case 'STDERR':
      return (text) => toStream(process.stderr, text);
    case 'FILE':
      return (text) => toFile(outputPath, text);
    case 'ROTATED_FILE':
      return async (text) => {
        await rotate(outputPath, params);
        await toFile(outputPath, text);
      };
    default:
      return logStream satisfies never;
  }
}

function toStream(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

async function toFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // What requests say is for its owner alone.
  await appendFile(path, text, { mode: 0o600 });
}

/** `PATH.1` is the newest of the old files. */
async function rotate(path: string, params: StdioParams): Promise<void> {
  const maxBytes = (params.maxMegabytesBeforeRotation || defaultMaxMegabytes) * 1024 * 1024;
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (size < maxBytes) return;
  const files = Math.max(1, params.maxRotatedFiles || defaultMaxFiles);
  let last = 1;
  while (last < files && (await stat(`${path}.${last}`).catch(() => undefined))) last++;
  await rm(`${path}.${files}`, { force: true });
  for (let i = Math.min(last, files - 1); i >= 1; i--) await rename(`${path}.${i}`, `${path}.${i + 1}`).catch(() => {});
  await rename(path, `${path}.1`);
}
