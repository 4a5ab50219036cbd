// Golden tests of what gRPC clients are sent.
import { describe } from 'vitest';
import { goldenTests } from '../golden-fixture.ts';
import { typeUrls } from '../translation.ts';

describe('proxyless listeners', () => goldenTests(`${import.meta.dirname}/testdata/listeners`, typeUrls.listener));
describe('proxyless routes', () => goldenTests(`${import.meta.dirname}/testdata/routes`, typeUrls.route));
