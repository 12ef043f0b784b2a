import { useQuestion, type Subject } from "../api/ask";
import type { View } from "../state/view";
import { type Metric, namedMetrics, titleOf } from "./metrics";

/**
 * The metrics that a run has besides those that every run has: of data rows, and of single objects. Whatever the
 * thresholds and filters, for a choice of metrics need not change with them.
 */
export function useMetricNames(subject: Subject | null, view: View): { ofRows: Metric[]; ofObjects: Metric[] } {
  const basis = { policy: view.p, confidence: 0 };
  const measures = useQuestion("measures", subject, basis).data;
  const custom = useQuestion("custom-metrics", subject, basis).data;
  return {
    ofRows: namedMetrics(measures, custom),
    ofObjects: (custom?.metrics ?? [])
      .filter((one) => one.objects > 0)
      .map((one) => `custom_object.${one.name}`)
      .map((name) => ({ name, title: titleOf(name), group: "Custom metrics" })),
  };
}
