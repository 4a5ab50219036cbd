// The SQL of a SQLite log's store; sqlite-rows.ts has that of reading events.

/** Statements by name. */
export const sql = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  insert: 'INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
  addSubject: 'INSERT INTO subjects (subject) VALUES (?)',
  findSubject: 'SELECT key FROM subjects WHERE subject = ?',
  findSubjects: 'SELECT key FROM subjects WHERE subject = ? OR (subject >= ? AND subject < ?)',
  lastPosition: 'SELECT max(position) FROM events',
  logHash: 'SELECT log_hash FROM events WHERE position = ?',
  batchEnd: 'SELECT batch_end FROM events WHERE position = ?',
  subjectOf: 'SELECT subject FROM events WHERE position = ?',
  positionAt:
    'SELECT position FROM events WHERE position BETWEEN ? AND ? AND time_ms <= ? ORDER BY position DESC LIMIT 1',
  columns: 'SELECT subject, batch_end, time_ms, log_hash FROM events WHERE position = ?',
  saveBlock: 'INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?)',
  loadBlock: 'SELECT min_time_ms, checksum, fingerprints, subjects FROM blocks WHERE block = ?',
  saveSnapshot: 'INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)',
  snapshotPositions: 'SELECT position FROM snapshots WHERE name = ? AND position <= ? ORDER BY position DESC',
  loadSnapshot: 'SELECT hash, checksum, state FROM snapshots WHERE name = ? AND position = ?',
} as const;

/** Name of a statement. */
export type StatementName = keyof typeof sql;
