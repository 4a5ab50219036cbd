// Divides a limit among proxies by what each needs: pure, the ledger of one quota in, the renewed lease of one holder out.

/** One proxy's part of a limit. */
export interface Lease {
  readonly holder: string;
  /** The holder's address. */
  readonly origin: string;
  /** Requests a window. */
  readonly amount: number;
  /** Requests a window that it had, refused ones included. */
  readonly demand: number;
  readonly untilMs: number;
}

/** Who holds what of one limit. */
export type Ledger = readonly Lease[];

/** What a holder asks for. */
export interface LeaseRequest {
  /** A stream of a proxy: it is another when the proxy turns to another Mixer. */
  readonly holder: string;
  readonly origin: string;
  /** Undefined: it has only begun, nobody knows yet. */
  readonly demand: number | undefined;
  /** Of the whole limit, in requests a window. */
  readonly capacity: number;
  readonly nowMs: number;
  readonly ttlMs: number;
}

/** A lease, and what its holder would have if the others had given back what they do not need. */
export interface Renewal {
  readonly ledger: Ledger;
  readonly amount: number;
  readonly fair: number;
}

/** A lease that was not renewed for so long, in ms, is of a stream that has ended: proxies report every 5 s. */
const lapsedMs = 6_000;

/** Changes of a lease below this part of it are not made: Envoy fills its bucket anew at each. */
const steady = 0.1;

/**
 * The leases never add up to more than the capacity: a holder gets its fair share as far as the others' leases leave it; these shrink when they are
 * renewed, or run out. Fair: what everybody needs, the larger needs cut alike where they are too much; what is left over is divided. A
 * proxy that comes from another Mixer takes over the lease that its address has there.
 */
export function renewLease(ledger: Ledger, request: LeaseRequest): Renewal {
  const { holder, origin, demand, capacity, nowMs, ttlMs } = request;
  const live = ledger.filter(({ untilMs }) => untilMs > nowMs);
  const mine = live.find((lease) => lease.holder === holder);
  const own = mine?.amount ? mine : (takenOver(live, request) ?? mine);
  const others = live.filter((lease) => lease !== own && lease !== mine);
  const needed = demand ?? own?.demand ?? capacity / (others.length + 1);
  const fair = fairShare(needed, [...others.map((lease) => lease.demand)], capacity);
  const free = Math.max(0, capacity - others.reduce((sum, { amount }) => sum + amount, 0));
  const isNew = own === undefined && demand === undefined;
  // Who comes together with others must leave them something until the shares are known.
  const within = isNew && others.length > 0 ? Math.ceil(free / 2) : free;
  const wanted = Math.min(Math.ceil(fair), within);
  const keeps = own !== undefined && own.amount <= free && Math.abs(wanted - own.amount) <= steady * own.amount;
  const amount = keeps ? own.amount : wanted;
  const lease: Lease = { holder, origin, amount, demand: needed, untilMs: nowMs + ttlMs };
  return { ledger: [...others, lease], amount, fair };
}

function takenOver(live: Ledger, { holder, origin, demand, nowMs, ttlMs }: LeaseRequest): Lease | undefined {
  if (demand === undefined) return undefined;
  return live.find(
    (lease) => lease.origin === origin && lease.holder !== holder && nowMs > lease.untilMs - ttlMs + lapsedMs,
  );
}

/** What `need` gets of `capacity` beside `others`. */
export function fairShare(need: number, others: readonly number[], capacity: number): number {
  const all = [need, ...others];
  const sum = all.reduce((total, one) => total + one, 0);
  if (sum <= capacity) return need + (capacity - sum) / all.length;
  // Small needs are met; what then is left is divided evenly among the larger ones.
  let left = capacity;
  let waiting = all.length;
  for (const one of [...all].sort((a, b) => a - b)) {
    const even = left / waiting;
    if (one > even) return Math.min(need, even);
    left -= one;
    waiting--;
  }
  return need;
}
