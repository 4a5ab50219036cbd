import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '../envelope.ts';
import { messageOfEvent, messageOfPlace, placeOfValue } from './kafka-message.ts';

const event: RecordedEvent = {
  id: 'a1',
  source: '/adapters/files',
  type: 'io.periplus.config.applied',
  subject: 'config/VirtualService/default/reviews',
  time: '2026-01-01T00:00:01.500Z',
  actor: 'user:anna',
  causes: ['c1', 'c2'],
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  dataversion: 2,
  data: { b: 'ü', a: [1] },
  specversion: '1.0',
  position: 4294967296,
  version: 3,
  previousHash: 'h',
};

describe('messages in binary mode', () => {
  it('have the data as value, every attribute as a header, the subject as key', () => {
    expect(messageOfEvent(event, 'mesh', 'facts')).toEqual({
      topic: 'mesh',
      key: 'config/VirtualService/default/reviews',
      value: '{"a":[1],"b":"ü"}',
      timestamp: 1767225601500n,
      headers: {
        'content-type': 'application/json',
        ce_specversion: '1.0',
        ce_id: 'a1',
        ce_source: '/adapters/files',
        ce_type: 'io.periplus.config.applied',
        ce_subject: 'config/VirtualService/default/reviews',
        ce_time: '2026-01-01T00:00:01.500Z',
        ce_actor: 'user:anna',
        ce_causes: '["c1","c2"]',
        ce_traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        ce_dataversion: '2',
        ce_position: '4294967296',
        ce_version: '3',
        ce_previoushash: 'h',
        ce_log: 'facts',
      },
    });
  });

  it('have attribute names as CloudEvents has them: lower-case letters and digits', () => {
    for (const name of Object.keys(messageOfEvent(event, 'mesh', 'facts').headers))
      expect(name).toMatch(/^(content-type|ce_[a-z0-9]+)$/);
  });
});

describe('positions', () => {
  it('are read back, and anything else is refused as corrupt', () => {
    const { key, value } = messageOfPlace({ position: 7, hash: 'h' }, 't', 'facts');
    expect(key).toBe('facts');
    expect(placeOfValue(value)).toEqual({ position: 7, hash: 'h' });
    for (const wrong of ['', 'null', '{}', '{"position":"7","hash":"h"}', '{"position":7}'])
      expect(() => placeOfValue(wrong), wrong).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });
});
