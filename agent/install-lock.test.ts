// The installation lock: one at a time, released on failure, taken over from the dead.
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { withInstallLock } from './install-lock.ts';

const scratch = mkdtempSync(join(tmpdir(), 'periplus-lock-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('withInstallLock', () => {
  it('lets one action run at a time and says once that it waits', async () => {
    const path = join(scratch, 'a.lock');
    const order: string[] = [];
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const first = withInstallLock({ path }, async () => {
      order.push('first starts');
      await held;
      order.push('first ends');
    });
    const onWait = () => {
      order.push('second waits');
      release();
    };
    await Promise.all([first, withInstallLock({ path, onWait }, async () => void order.push('second'))]);
    expect(order).toEqual(['first starts', 'second waits', 'first ends', 'second']);
    expect(existsSync(path)).toBe(false);
  });

  it('is released when the action fails', async () => {
    const path = join(scratch, 'b.lock');
    await expect(withInstallLock({ path }, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(existsSync(path)).toBe(false);
  });

  it('is taken over when its holder died, and waited for no longer than the signal lets', async () => {
    const path = join(scratch, 'c.lock');
    writeFileSync(path, '');
    const aborted = AbortSignal.timeout(10);
    await expect(withInstallLock({ path, signal: aborted }, async () => 'ran')).rejects.toThrow();
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(path, longAgo, longAgo);
    expect(await withInstallLock({ path }, async () => 'ran')).toBe('ran');
  });
});
