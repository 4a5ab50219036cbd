// Golden tests of inbound listeners.
import { describe } from 'vitest';
import { goldenTests } from '../golden-fixture.ts';
import { typeUrls } from '../translation.ts';

describe('inbound listeners', () => goldenTests(`${import.meta.dirname}/testdata`, typeUrls.listener));
