import type { Subject } from "../api/ask";
import { useDatasets } from "../api/datasets";
import { useProgress } from "../api/progress";
import { NoAnswer } from "./queue";

/** Since when the service does not answer what is asked all the time, in milliseconds; 0: it never did; null: it does. */
export function useSilence(subject: Subject | null): number | null {
  const asked = [useDatasets(), useProgress(subject)];
  if (!asked.some((one) => one.failureReason instanceof NoAnswer)) return null;
  return Math.max(...asked.map((one) => one.dataUpdatedAt));
}
