import type { CustomMetric, CustomMetrics } from "../../api/schema";
import { isolated } from "../bidi";
import { type Column, count, plain, type Sheet, sheet } from "./sheet";

const OF_A_METRIC = [plain("value", "value"), count("data rows", "rows"), count("objects", "objects")];
const OF_A_FEATURE = [plain("value", "value"), count("data rows", "rows")];
const CONFUSION = (["tp", "fp", "tn", "fn"] as const).map((name): Column<CustomMetric> => ({
  title: name.toUpperCase(),
  name,
  kind: "plain",
  value: (one) => one.confusion?.[name],
}));

/** What producers measured themselves and sent along. */
export function customMetricSheets({ metrics }: CustomMetrics): Sheet[] {
  const columns = [...OF_A_METRIC, ...(metrics.some((one) => one.confusion) ? CONFUSION : [])];
  const lines = metrics.map((one) => ({ name: `${one.name} (${one.aggregation.replaceAll("_", " ")})`, of: one }));
  return [
    sheet("metric", columns, lines),
    ...metrics
      .filter((one) => one.features.length > 0)
      .map(({ name, features }) => {
        const of = features.map((feature) => ({ name: feature.feature, of: feature }));
        return sheet("feature", OF_A_FEATURE, of, `${isolated(name)} by feature`);
      }),
  ];
}
