import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { assertPortsFree } from './ports.ts';

describe('assertPortsFree', () => {
  it('names the port that is taken, what it is for and the flag that changes it', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const wanted = { host: '127.0.0.1', port, purpose: 'the admin API', flag: '--admin-port' };
    await expect(assertPortsFree([wanted, { ...wanted, port: 0 }])).rejects.toThrow(
      `port ${port} on 127.0.0.1 for the admin API is taken; choose another with --admin-port`,
    );
    await new Promise((resolve) => taken.close(resolve));
    await expect(assertPortsFree([wanted])).resolves.toBeUndefined();
  });
});
