import { expect, test } from "vitest";
import type { ClassScores } from "../../src/api/schema";
import { inOrder } from "../../src/lib/classes";
import { viewOf } from "../made";

const CLASSES = [
  { label: "ant", fn: 2, recall: null, question: null },
  { label: "bee", fn: 7, recall: 0.5, question: null },
  { label: "cat", fn: 2, recall: 0.25, question: null },
  { label: "sky=blue", fn: 9, recall: 1, question: "sky" },
] as ClassScores[];
const names = (query: string) => inOrder(CLASSES, viewOf(query)).map((part) => part.map((one) => one.label));

test("classes are sorted, of equals the first by name, and what is not defined comes last either way", () => {
  expect(names("csort=fn")[0]).toEqual(["ant", "cat", "bee"]);
  expect(names("csort=fn&cdesc=1")[0]).toEqual(["bee", "ant", "cat"]);
  expect(names("csort=recall")[0]).toEqual(["cat", "bee", "ant"]);
  expect(names("csort=recall&cdesc=1")[0]).toEqual(["bee", "cat", "ant"]);
});

test("answers stand apart, and a search is in any case", () => {
  expect(names("")[1]).toEqual(["sky=blue"]);
  expect(names("cq=A&csort=label")).toEqual([["ant", "cat"], []]);
});
