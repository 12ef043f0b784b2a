import type { Classifications, QuestionScores } from "../../api/schema";
import { isolated } from "../bidi";
import { type Column, count, ratio, type Sheet, sheet } from "./sheet";

const OF_A_QUESTION: Column<QuestionScores>[] = [
  count("cases", "cases"),
  count("correct", "correct"),
  ratio("accuracy", "accuracy"),
  ratio("balanced", "balanced_accuracy"),
  ratio("kappa", "kappa"),
  ratio("MCC", "mcc"),
  { title: "macro F1", name: "averages.macro.f1", kind: "ratio", value: (one) => one.averages.macro.f1 },
  ratio("log loss", "log_loss"),
];

const OF_AN_ANSWER = [
  count("annotated", "annotations"),
  count("predicted", "predictions"),
  ratio("precision", "precision"),
  ratio("recall", "recall"),
  ratio("F1", "f1"),
];

/** Questions with one answer each, and their answers. */
export function classificationSheets({ questions }: Classifications): Sheet[] {
  return [
    sheet(
      "question",
      OF_A_QUESTION,
      questions.map((one) => ({ name: one.question, of: one })),
    ),
    ...questions.map((one) => {
      const answers = one.classes.map((answer) => ({
        name: answer.label.slice(one.question.length + 1) || answer.label,
        of: { ...answer, undefined: reasonsFor(one.undefined, answer.label) },
      }));
      return sheet("answer", OF_AN_ANSWER, answers, `Answers to ${isolated(one.question)}`);
    }),
  ];
}

/** The reasons that are said of one label, by the figure's own name. */
function reasonsFor(reasons: Record<string, string>, label: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(reasons)
      .filter(([name]) => name.includes(label))
      .map(([name, why]) => [name.split(".").at(-1) ?? name, why]),
  );
}
