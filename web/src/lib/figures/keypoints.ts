import type { Keypoints } from "../../api/schema";
import { type Column, count, plain, ratio, type Sheet, sheet } from "./sheet";

/** What there is of every class, and of all together. */
type Scores = Omit<Keypoints, "per_class" | "scale" | "alphas">;

/** Skeletons of keypoints, by class. */
export function keypointSheets(answer: Keypoints): Sheet[] {
  const columns: Column<Scores>[] = [
    count("pairs", "pairs"),
    ratio("mean OKS", "mean_oks"),
    count("labelled", "labelled"),
    plain("mean distance", "mean_distance"),
    ...answer.alphas.map((alpha, i) => ({
      title: `PCK ${alpha}`,
      name: `pck.${i}`,
      kind: "ratio" as const,
      value: (one: Scores) => one.pck[i],
    })),
  ];
  const classes: { name: string; of: Scores }[] = Object.entries(answer.per_class).map(([name, of]) => ({ name, of }));
  return [sheet("class", columns, [...classes, { name: "all together", of: answer }])];
}
