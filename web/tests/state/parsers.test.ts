import { expect, test } from "vitest";
import { CONDITION, parseAsCondition, parseAsNumber, parseAsText, parseAsWhole } from "../../src/state/parsers";

test("numbers beyond their ends are the nearer end, and what is none is left out", () => {
  const { parse } = parseAsNumber(0, 1);
  expect(["7", "-1", "0.25", "abc", "", " ", "Infinity"].map((text) => parse(text))).toEqual([
    1,
    0,
    0.25,
    null,
    null,
    null,
    null,
  ]);
  expect(["-3", "2.9", "99"].map((text) => parseAsWhole(1, 60).parse(text))).toEqual([1, 2, 60]);
});

test("text that does not fit is left out", () => {
  const { parse } = parseAsText((text) => text.startsWith("a"));
  expect([parse("ab"), parse("b")]).toEqual(["ab", null]);
});

test("a condition is split as the service splits it", () => {
  expect(CONDITION.exec("a b >= 0.3")?.slice(1)).toEqual(["a b", ">=", "0.3"]);
  expect(CONDITION.exec("note=a=b")?.slice(1)).toEqual(["note", "=", "a=b"]);
});

test("what an order compares is a number; of words, equality may be asked too", () => {
  const words = parseAsCondition(() => true, "words");
  expect(["a=b", "a!=b", "a>b", "a>2", "a"].map((text) => words.parse(text))).toEqual([
    "a=b",
    "a!=b",
    null,
    "a>2",
    null,
  ]);
  const numbers = parseAsCondition((name) => name === "f1", "numbers");
  expect(["f1=b", "f1>=0.2", "f2>=0.2"].map((text) => numbers.parse(text))).toEqual([null, "f1>=0.2", null]);
});
