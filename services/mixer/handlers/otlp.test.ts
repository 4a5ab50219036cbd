import { describe, expect, it } from 'vitest';
import { OtlpReceiver, textOf } from '../../../test/support/otlp-receiver.ts';
import { handlerContract } from './handler-contract.ts';
import { otlp } from './otlp.ts';
import { logInstance, metricInstance, spanInstance, testMeans } from './report-fixture.ts';

async function receiving() {
  const receiver = new OtlpReceiver();
  const endpoint = `http://127.0.0.1:${await receiver.startHttp()}`;
  return { receiver, handler: otlp.create({ endpoint }, testMeans), close: async () => receiver.stop() };
}

function pointsOf(receiver: OtlpReceiver): number {
  return receiver.metrics.reduce((sum, { data }) => sum + (data.case === 'sum' ? data.value.dataPoints.length : 0), 0);
}

handlerContract('otlp', async () => {
  const { receiver, handler, close } = await receiving();
  return {
    kind: otlp,
    handler,
    instances: [metricInstance, logInstance, spanInstance],
    delivered: async () => pointsOf(receiver) + receiver.logs.length + receiver.spans.length,
    breakBackEnd: async () => void (receiver.broken = true),
    close,
  };
});

describe('the otlp handler', () => {
  it('keeps ids, times, severities and dimensions', async () => {
    const { receiver, handler, close } = await receiving();
    await handler.report?.([metricInstance, logInstance, spanInstance], AbortSignal.timeout(10_000));
    expect(receiver.spans).toMatchObject([
      {
        traceId: '35af62c504031d7d01a9fed2c19b3565',
        spanId: '8da3694f2e0526bf',
        parentSpanId: '529f3433b907c662',
        name: '/reviews',
        kind: 3,
        attributes: { 'http.method': 'GET' },
      },
    ]);
    const [log] = receiver.logs;
    expect(log?.severityText).toBe('info');
    expect(log?.timeUnixNano).toBe(BigInt(Date.UTC(2026, 10, 22, 12, 0, 0, 500)) * 1_000_000n);
    expect(textOf(log?.attributes ?? [])).toMatchObject({ method: 'GET' });
    expect(receiver.metrics[0]?.name).toBe('requestcount.default');
    await close();
  });
});
