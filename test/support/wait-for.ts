// Waits for a fact instead of for time.

/** Asks `fact` again and again until it is true; an error thrown by it ends the wait. Rejects naming `what` after `limitMs`. */
export async function waitFor(
  fact: () => Promise<boolean> | boolean,
  options: { readonly limitMs?: number; readonly everyMs?: number; readonly what: string | (() => string) },
): Promise<void> {
  const { limitMs = 30_000, everyMs = 50, what } = options;
  const deadline = Date.now() + limitMs;
  for (;;) {
    if (await fact()) return;
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms for ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
