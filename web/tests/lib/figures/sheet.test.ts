import { expect, test } from "vitest";
import { count, list, ratio, sheet } from "../../../src/lib/figures/sheet";

test("a figure keeps its name, by which the reason is found why it is null", () => {
  const of = { cases: 3, accuracy: null, undefined: { accuracy: "no cases" } };
  const table = sheet("question", [count("cases", "cases"), ratio("accuracy", "accuracy")], [{ name: "sky", of }]);
  expect(table.head).toEqual(["question", "cases", "accuracy"]);
  expect(table.lines[0]?.figures).toEqual([
    { name: "cases", kind: "count", value: 3 },
    { name: "accuracy", kind: "ratio", value: null },
  ]);
  expect(table.lines[0]?.reasons).toEqual({ accuracy: "no cases" });
  expect(list("in all", [count("cases", "cases")], of).lines.map((one) => one.name)).toEqual(["cases"]);
});
