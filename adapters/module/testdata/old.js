// An adapter module for tests, written for a version of the port that does not exist yet.
export const portVersion = 99;
export const createAdapter = () => undefined;
