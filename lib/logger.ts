// Structured logging: pino behind a small interface, so that only this file imports it.
import { pino } from 'pino';

/** A structured logger; `fields` are merged into the JSON line. Never pass secrets. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

/** `silent` is for tests and offline commands. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Writes JSON lines to standard error (fd 2), so that standard output stays for a command's result. */
export function createLogger(options: { readonly level: LogLevel; readonly path?: string }): Logger {
  const destination = pino.destination({ dest: options.path ?? 2, sync: true, mkdir: true });
  return pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

const nothing = () => {};
/** Drops everything. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};
