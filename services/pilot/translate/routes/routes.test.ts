// Golden tests of outbound routes.
import { describe } from 'vitest';
import { goldenTests } from '../golden-fixture.ts';
import { typeUrls } from '../translation.ts';

describe('outbound routes', () => goldenTests(`${import.meta.dirname}/testdata`, typeUrls.route));
