/** A ratio to four decimals; what is not defined is never shown as 0. */
export function ratio(value: number | null | undefined): string {
  return value === null || value === undefined ? "n/a" : value.toFixed(4);
}

/** A ratio to three decimals, where there is little room. */
export function thousandths(value: number | null | undefined): string {
  return value === null || value === undefined ? "n/a" : value.toFixed(3);
}

/** One for all: to make one takes longer than to write a hundred numbers. */
const WHOLE = new Intl.NumberFormat("en");

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? "n/a" : WHOLE.format(value);
}

export function signed(value: number): string {
  const text = Number.isInteger(value) ? WHOLE.format(Math.abs(value)) : Math.abs(value).toFixed(4);
  return value > 0 ? `+${text}` : value < 0 ? `−${text}` : "±0";
}

/** A figure of any kind: a count, a ratio, or a number of any size. */
export function figure(value: number | null): string {
  if (value === null || Number.isInteger(value)) return count(value);
  return Math.abs(value) <= 1 ? ratio(value) : short(value);
}

/** A number short enough for an axis or a chip. */
export function short(value: number): string {
  return Number.parseFloat(value.toPrecision(4)).toString();
}
