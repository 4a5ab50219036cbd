// Golden tests of outbound listeners.
import { describe } from 'vitest';
import { goldenTests } from '../golden-fixture.ts';
import { typeUrls } from '../translation.ts';

describe('outbound listeners', () => goldenTests(`${import.meta.dirname}/testdata`, typeUrls.listener));
