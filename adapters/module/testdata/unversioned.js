// A module for tests that is no adapter.
export const hello = 'world';
