import { describe, expect, it } from 'vitest';
import { framedMessage, frameOf } from './grpc-frame.ts';

describe('a framed message', () => {
  it('is the parts, and its frame the head and the message without a copy', () => {
    const message = framedMessage([Buffer.from('ab'), Buffer.from('c')]);
    const frame = frameOf(message);
    expect(String(message)).toBe('abc');
    expect([...(frame ?? [])]).toEqual([0, 0, 0, 0, 3, ...Buffer.from('abc')]);
    expect(frame?.buffer).toBe(message.buffer);
  });

  it('can be empty, and no other buffer has a frame', () => {
    expect([...(frameOf(framedMessage([])) ?? [])]).toEqual([0, 0, 0, 0, 0]);
    expect(frameOf(Buffer.from('abc'))).toBeUndefined();
  });
});
