import type { Regression } from "../../api/schema";
import { count, plain, ratio, type Sheet, sheet } from "./sheet";

const COLUMNS = [
  count("pairs", "n"),
  plain("MAE", "mae"),
  plain("MSE", "mse"),
  plain("RMSE", "rmse"),
  plain("bias", "bias"),
  plain("max error", "max_error"),
  ratio("R²", "r2"),
  ratio("Pearson r", "pearson_r"),
];

/** Questions that are answered by a number. */
export function regressionSheets({ questions }: Regression): Sheet[] {
  return [
    sheet(
      "question",
      COLUMNS,
      questions.map((one) => ({ name: one.feature, of: one })),
    ),
  ];
}
