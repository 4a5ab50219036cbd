// HTTP's registered status codes, as Istio knows them (pkg.go.dev/net/http#StatusText).

/** First and last code of each run that has names. */
const runs = [
  [100, 103],
  [200, 208],
  [226, 226],
  [300, 305],
  [307, 308],
  [400, 418],
  [421, 426],
  [428, 429],
  [431, 431],
  [451, 451],
  [500, 508],
  [510, 511],
] as const;

/** Whether `text` is the number of a status that HTTP names. */
export function isHttpStatusName(text: string): boolean {
  const code = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return runs.some(([first, last]) => code >= first && code <= last);
}
