// What the loggers of Telemetries' providers write: formats by provider and by mesh.
import { fromBinary, toJson } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { FileAccessLogSchema } from '../../../../gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { OpenTelemetryAccessLogConfigSchema } from '../../../../gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js';
import { defaultMeshConfig, type MeshConfig } from '../../../../mesh/config/mesh-config.ts';
import type { ExtensionProvider } from '../../../../mesh/config/schemas/extension-provider.ts';
import { jsonFormat, textFormat } from '../listeners/access-log.ts';
import { accessLoggers } from './access-loggers.ts';

/** The configuration of the one logger that a Telemetry's choice of `name` comes to. */
function configOf(name: string, providers: readonly ExtensionProvider[], over: Partial<MeshConfig> = {}) {
  const targets = providers.map((provider) => ({
    provider,
    authority: 'collector',
    cluster: 'outbound|80||collector',
  }));
  const mesh = { ...defaultMeshConfig, ...over };
  const loggers = accessLoggers([{ provider: name, filter: undefined, isDisabled: false }], { targets, mesh });
  expect(loggers).toHaveLength(1);
  const config = loggers?.[0]?.configType;
  if (config?.case !== 'typedConfig') throw new Error('no typed configuration');
  return config.value.value;
}

/** Path and format of a file's logger. */
function fileOf(...args: Parameters<typeof configOf>) {
  const { path, accessLogFormat } = fromBinary(FileAccessLogSchema, configOf(...args));
  if (accessLogFormat.case !== 'logFormat') throw new Error('no format');
  const { format } = accessLogFormat.value;
  return { path, format: format.case === 'jsonFormat' ? format.value : inlineOf(format.value) };
}

function inlineOf(source: unknown): unknown {
  return (source as { readonly specifier?: { readonly value?: unknown } } | undefined)?.specifier?.value;
}

const file = (name: string, envoyFileAccessLog: ExtensionProvider['envoyFileAccessLog'] = {}): ExtensionProvider => ({
  name,
  envoyFileAccessLog,
});

describe('the provider named envoy', () => {
  it('writes Istio’s line to the standard output where the mesh says nothing', () => {
    expect(fileOf('envoy', [])).toEqual({ path: '/dev/stdout', format: textFormat });
  });

  it('writes as the mesh’s accessLogFormat and accessLogEncoding say, whatever accessLogFile is', () => {
    expect(fileOf('envoy', [], { accessLogFormat: '%PROTOCOL%' }).format).toBe('%PROTOCOL%\n');
    expect(fileOf('envoy', [], { accessLogEncoding: 'JSON' }).format).toEqual(jsonFormat);
    const own = { accessLogEncoding: 'JSON', accessLogFormat: '{"code":"%RESPONSE_CODE%"}' } as const;
    expect(fileOf('envoy', [], own).format).toEqual({ code: '%RESPONSE_CODE%' });
    expect(fileOf('envoy', [file('envoy', { path: '/tmp/log' })], own)).toEqual({
      path: '/tmp/log',
      format: { code: '%RESPONSE_CODE%' },
    });
  });

  it('writes in a format of its own where its configuration has one', () => {
    const mesh = { accessLogEncoding: 'JSON' } as const;
    expect(fileOf('envoy', [file('envoy', { logFormat: { text: 'x' } })], mesh).format).toBe('x\n');
    expect(fileOf('envoy', [file('envoy', { omitEmptyValues: true })], mesh).format).toBe(textFormat);
  });
});

describe('other providers of files', () => {
  it('have nothing to do with the mesh’s format', () => {
    expect(fileOf('log', [file('log')], { accessLogEncoding: 'JSON', accessLogFormat: 'x' }).format).toBe(textFormat);
  });

  it('write the labels that they name, and Istio’s JSON where labels are empty', () => {
    const labels = { code: '%RESPONSE_CODE%', deep: { path: '%REQ(:PATH)%' } };
    expect(fileOf('log', [file('log', { logFormat: { labels } })]).format).toEqual(labels);
    expect(fileOf('log', [file('log', { logFormat: { labels: {} } })]).format).toEqual(jsonFormat);
  });
});

it('records of OpenTelemetry have Istio’s line as their body, or the provider’s own text as it is', () => {
  const bodyOf = (text?: string) => {
    const provider = {
      name: 'otel',
      envoyOtelAls: { service: 'collector', port: 80, ...(text ? { logFormat: { text } } : {}) },
    };
    const config = fromBinary(OpenTelemetryAccessLogConfigSchema, configOf('otel', [provider]));
    return (toJson(OpenTelemetryAccessLogConfigSchema, config) as { readonly body: unknown }).body;
  };
  expect(bodyOf()).toEqual({ stringValue: textFormat });
  expect(bodyOf('%PROTOCOL%')).toEqual({ stringValue: '%PROTOCOL%' });
});
