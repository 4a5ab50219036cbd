// Golden tests of gateways.
import { describe } from 'vitest';
import { goldenTests } from '../golden-fixture.ts';
import { typeUrls } from '../translation.ts';

describe('gateway listeners', () => goldenTests(`${import.meta.dirname}/testdata/listeners`, typeUrls.listener));
describe('gateway routes', () => goldenTests(`${import.meta.dirname}/testdata/routes`, typeUrls.route));
