import type { Texts } from "../../api/schema";
import { count, plain, ratio, type Sheet, sheet } from "./sheet";

const COLUMNS = [
  count("pairs", "n"),
  ratio("exact", "exact_match"),
  ratio("normalised", "normalised_match"),
  plain("BLEU", "bleu"),
  ratio("brevity", "brevity_penalty"),
  plain("sentence BLEU", "mean_sentence_bleu"),
  count("missing", "missing"),
];

/** Questions that are answered by a text. */
export function textSheets({ questions, overall }: Texts): Sheet[] {
  const lines = [
    ...questions.map((one) => ({ name: one.feature, of: one })),
    ...(questions.length > 1 ? [{ name: "all together", of: overall }] : []),
  ];
  return [sheet("question", COLUMNS, lines)];
}
