/** The largest of 1, 2 and 5 times a power of ten that is not above what was asked for. */
export function roundStep(about: number): number {
  const power = 10 ** Math.floor(Math.log10(about));
  return power * ([5, 2, 1].find((times) => times * power <= about) ?? 1);
}

/** The multiples of a step from one place on, over a length. */
export function multiples(from: number, length: number, step: number): number[] {
  const first = Math.ceil(from / step);
  const count = Math.floor((from + length) / step) - first + 1;
  return Array.from({ length: count }, (_, i) => (first + i) * step);
}

/** Degrees with as many digits as the step needs, and which way they are counted. */
export function spelled(degrees: number, step: number, [above, below]: [string, string]): string {
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const text = Math.abs(degrees).toFixed(digits);
  return `${text}°${Number(text) === 0 ? "" : degrees > 0 ? above : below}`;
}
