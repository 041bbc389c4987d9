/** Where each figure of stub_status stands in a worker's row. */
export const counter = {
  accepted: 0,
  handled: 1,
  requests: 2,
  active: 3,
  reading: 4,
  writing: 5,
} as const;

export const countersPerWorker = 8;

/**
 * This worker's row, which it alone writes, and the rows of all workers one after another, which anyone may read: no
 * atomics in a request's way. The worker puts shared memory in their place when it starts.
 */
export const counters: { own: Float64Array; all: Float64Array } = (() => {
  const own = new Float64Array(countersPerWorker);
  return { own, all: own };
})();

export function sumOf(index: number): number {
  const { all } = counters;
  let sum = 0;
  for (let at = index; at < all.length; at += countersPerWorker) sum += all[at]!;
  return sum;
}
