// Mixer's kafka handler on a real broker: the handlers' contract, and what the messages say.
import { afterAll, describe, expect, it } from 'vitest';
import { handlerContract } from '../services/mixer/handlers/handler-contract.ts';
import { kafka } from '../services/mixer/handlers/kafka.ts';
import { logInstance, metricInstance, testMeans } from '../services/mixer/handlers/report-fixture.ts';
import { TestKafka } from './support/kafka.ts';

const broker = await TestKafka.start();
const why = broker instanceof TestKafka ? '' : `: skipped, no Kafka can be had: ${broker.why}`;
let topics = 0;

describe.skipIf(why !== '')(`Mixer’s kafka handler on a real broker${why}`, () => {
  const real = broker as TestKafka;
  afterAll(() => real.dispose());

  async function open() {
    const topic = `mixer-${++topics}`;
    await real.createTopic(topic, 2);
    return { topic, handler: kafka.create({ brokers: [real.address], topic }, testMeans) };
  }

  handlerContract('kafka', async () => {
    const { topic, handler } = await open();
    const delivered = async () => (await real.read(topic)).length;
    return { kind: kafka, handler, instances: [metricInstance, logInstance], delivered };
  });

  it('sends each instance as JSON under its name', async () => {
    const { topic, handler } = await open();
    await handler.report?.([metricInstance, logInstance], AbortSignal.timeout(30_000));
    const messages = (await real.read(topic)).map(({ key, value }) => [key, JSON.parse(value) as unknown]);
    expect(Object.fromEntries(messages)).toMatchObject({
      'requestcount.default': { template: 'metric', value: 1, dimensions: { code: 200 } },
      'accesslog.default': { template: 'logentry', severity: 'info', time: '2026-11-22T12:00:00.500Z' },
    });
  });

  it('rejects while the broker is gone, and delivers again when it is back', async () => {
    const { topic, handler } = await open();
    await handler.report?.([metricInstance], AbortSignal.timeout(30_000));
    await real.kill();
    await expect(handler.report?.([metricInstance], AbortSignal.timeout(3_000))).rejects.toThrow(/Kafka at/);
    await real.restart();
    await expect
      .poll(
        () =>
          handler.report?.([metricInstance], AbortSignal.timeout(5_000)).then(
            () => true,
            () => false,
          ),
        {
          timeout: 60_000,
          interval: 500,
        },
      )
      .toBe(true);
    expect((await real.read(topic)).length).toBeGreaterThanOrEqual(2);
  });
});
