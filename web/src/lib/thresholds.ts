/** How many thresholds there are to choose from. */
export const MANY = 11;

/** So many values from one to the other, as far apart from each other. */
export function spread(from: number, to: number): number[] {
  return Array.from({ length: MANY }, (_, i) => Number((from + ((to - from) * i) / (MANY - 1)).toFixed(4)));
}

export function isThreshold(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1;
}
