// Property tests draw the same values on every run, so that a landing is judged by its change; PERIPLUS_SEED=random draws others.
import fc from 'fast-check';

const wanted = process.env['PERIPLUS_SEED'] ?? '20261122';
if (wanted !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(wanted) });
