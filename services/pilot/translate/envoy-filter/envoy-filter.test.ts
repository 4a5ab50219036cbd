// Golden tests of EnvoyFilters, by the type of resource that they patch.
import { describe } from 'vitest';
import { goldenTests } from '../golden-fixture.ts';
import { typeUrls } from '../translation.ts';

const testdata = `${import.meta.dirname}/testdata`;

describe('EnvoyFilters on clusters', () => goldenTests(`${testdata}/clusters`, typeUrls.cluster));
describe('EnvoyFilters on listeners', () => goldenTests(`${testdata}/listeners`, typeUrls.listener));
describe('EnvoyFilters on routes', () => goldenTests(`${testdata}/routes`, typeUrls.route));
describe('EnvoyFilters on extensions', () => goldenTests(`${testdata}/extensions`, typeUrls.extension));
