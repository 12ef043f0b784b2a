import type { AveragePrecision } from "../api/schema";

type Beside = Pick<AveragePrecision, "ap50" | "ap75" | "ap_rare" | "ap_common" | "ap_frequent">;

/** A figure in three decimals. */
export function decimals(value: number | null): string {
  return value === null ? "n/a" : value.toFixed(3);
}

/** What stands beside mAP: those of rare, common and frequent classes (LVIS) where any is declared so. */
export function besideAverage({ ap50, ap75, ap_rare, ap_common, ap_frequent }: Beside): string[] {
  const known = [`AP50 ${decimals(ap50)}`, `AP75 ${decimals(ap75)}`];
  if (ap_rare === null && ap_common === null && ap_frequent === null) return known;
  return [...known, `APr ${decimals(ap_rare)}`, `APc ${decimals(ap_common)}`, `APf ${decimals(ap_frequent)}`];
}
