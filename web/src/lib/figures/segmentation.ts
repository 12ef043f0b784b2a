import type { Segmentation } from "../../api/schema";
import { count, list, ratio, type Sheet, sheet } from "./sheet";

const ALL = [
  ratio("mean IoU", "mean_iou"),
  ratio("mean IoU of rows", "mean_row_iou"),
  ratio("weighted IoU", "frequency_weighted_iou"),
  ratio("mean Dice", "mean_dice"),
  ratio("Dice of all pixels", "micro_dice"),
  ratio("pixel accuracy", "pixel_accuracy"),
  ratio("mean accuracy", "mean_accuracy"),
];

const OF_A_CLASS = [
  ratio("IoU", "iou"),
  ratio("Dice", "dice"),
  ratio("precision", "precision"),
  ratio("recall", "recall"),
  count("annotated", "annotated"),
  count("predicted", "predicted"),
];

/** Semantic segmentation: how pixels agree. */
export function segmentationSheets(answer: Segmentation): Sheet[] {
  const classes = answer.classes.map((one) => ({ name: one.label, of: one }));
  return [list("All classes", ALL, answer), sheet("class", OF_A_CLASS, classes, "By class, in pixels")];
}
