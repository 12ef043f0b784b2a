import { expect, test } from "vitest";
import { featureOf, isAnswerLabel, parseLabel, nameOfLabel } from "../../src/lib/classLabel";

test.each([
  ["car", "car", null],
  ["colour=red", "colour", "red"],
  ["car/colour=red", "car/colour", "red"],
  [String.raw`colour\=red`, "colour=red", null],
  [String.raw`a\=b=c=d`, "a=b", "c=d"],
  [String.raw`back\\=slash`, "back\\", "slash"],
  [String.raw`back\\slash`, "back\\slash", null],
  ["size=", "size", ""],
  ["several\nlines=yes", "several\nlines", "yes"],
])("%s", (label, feature, answer) => {
  expect(parseLabel(label)).toEqual({ feature, answer });
  expect(featureOf(label)).toBe(feature);
  expect(isAnswerLabel(label)).toBe(answer !== null);
});

test("a label is read without the marks that part it", () => {
  expect(nameOfLabel("a\\=b")).toBe("a=b");
  expect(nameOfLabel("road\\\\=wet=yes")).toBe("road\\=wet=yes");
  expect(nameOfLabel("")).toBe("");
});
