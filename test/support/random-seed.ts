// Property tests draw the same values on every run; PERIPLUS_SEED=random draws others, and a failure says which.
import fc from 'fast-check';
import { seedOf } from './seed.ts';

if (process.env.PERIPLUS_SEED !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: seedOf(20261122) });
