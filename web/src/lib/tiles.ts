import type { AveragePrecision, Summary } from "../api/schema";
import type { View } from "../state/view";
import { besideAverage } from "./averages";
import { count } from "./format";

/** One of the headline's figures. */
export interface Tile {
  name: string;
  meaning: string;
  value: number | null | undefined;
  /** The figures of both runs over the rows that they share. */
  shared: [own: number | null | undefined, theirs: number | null | undefined];
  /** The figure's name in answers. */
  figure: string;
  /** Why it is n/a. */
  why?: string | undefined;
  /** What stands beside its name: of a count, what it is part of. */
  part?: string | undefined;
  /** Figures of the same kind, in a line of their own. */
  beside?: string[] | undefined;
  fewerIsBetter?: boolean;
  /** Nothing that two runs could be compared by. */
  alone?: boolean;
  isCount?: boolean;
}

/** The figures of one selection. */
export interface Answers {
  summary: Summary | undefined;
  average: AveragePrecision | undefined;
}

/** The headline's figures: of all that passes the filters, and of this run and another over the rows that they share. */
export function tilesOf(whole: Answers, own: Answers, their: Answers, { p: policy }: Pick<View, "p">): Tile[] {
  const { summary, average } = whole;
  const score = (name: string, meaning: string, figure: "precision" | "recall" | "f1" | "mean_iou"): Tile => ({
    name,
    meaning,
    figure,
    value: summary?.[figure],
    shared: [own.summary?.[figure], their.summary?.[figure]],
    why: summary?.undefined[figure],
  });
  const counted = (
    name: string,
    meaning: string,
    figure: "tp" | "fp" | "fn" | "rows",
    part: string,
    more: Pick<Tile, "fewerIsBetter" | "alone"> = {},
  ): Tile => ({
    name,
    meaning,
    figure,
    value: summary?.[figure],
    shared: [own.summary?.[figure], their.summary?.[figure]],
    part: summary && part,
    isCount: true,
    ...more,
  });
  const annotations = `of ${count(summary?.annotations)}`;
  return [
    score("Precision", "The share of the predictions that are correct.", "precision"),
    score("Recall", "The share of the annotations that are found.", "recall"),
    score("F1", "The harmonic mean of precision and recall.", "f1"),
    {
      name: "mAP",
      meaning:
        `Average precision under policy ${policy}, the mean over classes and IoU thresholds .50, .55 … .95. ` +
        "It is of all detections, whatever the confidence threshold.",
      figure: "ap",
      value: average?.ap,
      shared: [own.average?.ap, their.average?.ap],
      why: average?.undefined.ap,
      part: policy,
      beside: average?.ap == null ? undefined : besideAverage(average),
    },
    score("Mean IoU", "The mean overlap of the true positives.", "mean_iou"),
    counted(
      "TP",
      "True positives, of all annotations: those that a prediction of their own class is matched to.",
      "tp",
      annotations,
    ),
    counted(
      "FP",
      "False positives, of all predictions: those that match nothing, or another class.",
      "fp",
      `of ${count(summary?.predictions)}`,
      { fewerIsBetter: true },
    ),
    counted(
      "FN",
      "False negatives, of all annotations: those not found, or taken for another class.",
      "fn",
      annotations,
      {
        fewerIsBetter: true,
      },
    ),
    counted("Rows", "Data rows of the run that pass the filters.", "rows", "", { alone: true }),
  ];
}
