import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseKafkaUrl } from './kafka-url.ts';

const folder = mkdtempSync(join(tmpdir(), 'periplus-kafka-url-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('parseKafkaUrl', () => {
  it('takes brokers and a topic', () => {
    expect(parseKafkaUrl('kafka://a,b:9093/mesh')).toEqual({
      brokers: ['a:9092', 'b:9093'],
      topic: 'mesh',
      tls: undefined,
      sasl: undefined,
      name: 'kafka://a,b:9093/mesh',
    });
  });

  it('takes TLS and a login, from the URL or a file, and names itself without the password', () => {
    writeFileSync(join(folder, 'password'), 's3cret\n');
    const url = `kafkas://anna@a/mesh?passwordFile=${join(folder, 'password')}&ca=/ca.pem&cert=/c.pem&key=/k.pem`;
    expect(parseKafkaUrl(url)).toMatchObject({
      tls: { caFile: '/ca.pem', certFile: '/c.pem', keyFile: '/k.pem' },
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'anna', password: 's3cret' },
      name: 'kafkas://a/mesh',
    });
    expect(parseKafkaUrl('kafkas://an%40na:p%3Ax@a/mesh?sasl=plain').sasl).toEqual({
      mechanism: 'PLAIN',
      username: 'an@na',
      password: 'p:x',
    });
  });

  it.each([
    ['nats://a/mesh', 'kafka://HOST:PORT/TOPIC'],
    ['kafka://a', 'kafka://HOST:PORT/TOPIC'],
    ['kafka://a/', "can't be a topic"],
    ['kafka://a/b c', "can't be a topic"],
    ['kafka://a/mesh?x=1', '"x" is unknown'],
    ['kafka://a/mesh?ca=/ca.pem', 'kafkas://'],
    ['kafkas://a/mesh?cert=/c.pem', 'cert and key belong together'],
    ['kafka://u:p@a/mesh?sasl=plain', 'sasl=plain needs TLS'],
    ['kafka://u:p@a/mesh?sasl=gssapi', 'there are plain'],
    ['kafka://a/mesh?sasl=plain', 'sasl needs USER:PASSWORD@'],
    ['kafka://u@a/mesh', 'give the password once'],
    ['kafka://u:p@a/mesh?passwordFile=/f', 'give the password once'],
    ['kafka://u@a/mesh?passwordFile=/nonexistent', "can't be read"],
  ])('refuses %s', (url, problem) => {
    expect(() => parseKafkaUrl(url)).toThrow(problem);
  });
});
