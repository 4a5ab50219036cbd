// The version of the adapter port (adapters/adapter.ts) that modules are written for.

/** Counts up when an adapter written for the port as it was would no longer do the right thing. What is only added leaves it as it is. */
export const adapterPortVersion = 1;
