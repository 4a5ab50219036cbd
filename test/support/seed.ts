// Which numbers random tests draw: the same on every run, so that a landing is judged by its change, unless PERIPLUS_SEED says otherwise.

const wanted = process.env.PERIPLUS_SEED;

/** PERIPLUS_SEED, a number; `usual` without it. Where it is `random`, a seed of the moment, which is printed. */
export function seedOf(usual: number): number {
  if (wanted === undefined) return usual;
  if (wanted !== 'random') return Number(wanted);
  const seed = 1 + Math.floor(Math.random() * 2 ** 31);
  console.info(`PERIPLUS_SEED=${seed} draws this again`);
  return seed;
}
