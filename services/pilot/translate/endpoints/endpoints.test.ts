// Golden tests of load assignments.
import { describe } from 'vitest';
import { goldenTests } from '../golden-fixture.ts';
import { typeUrls } from '../translation.ts';

describe('endpoints', () => goldenTests(`${import.meta.dirname}/testdata`, typeUrls.endpoints));
