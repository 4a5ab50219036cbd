// Golden tests of clusters.
import { describe } from 'vitest';
import { goldenTests } from '../golden-fixture.ts';
import { typeUrls } from '../translation.ts';

describe('clusters', () => goldenTests(`${import.meta.dirname}/testdata`, typeUrls.cluster));
