import type { AveragePrecision } from "../api/schema";
import { thousandths } from "./format";

type Beside = Pick<AveragePrecision, "ap50" | "ap75" | "ap_rare" | "ap_common" | "ap_frequent">;

/** What stands beside mAP: those of rare, common and frequent classes (LVIS) where any is declared so. */
export function besideAverage({ ap50, ap75, ap_rare, ap_common, ap_frequent }: Beside): string[] {
  const known = [`AP50 ${thousandths(ap50)}`, `AP75 ${thousandths(ap75)}`];
  if (ap_rare === null && ap_common === null && ap_frequent === null) return known;
  return [...known, `APr ${thousandths(ap_rare)}`, `APc ${thousandths(ap_common)}`, `APf ${thousandths(ap_frequent)}`];
}
