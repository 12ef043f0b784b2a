import { expect, test } from "vitest";
import { narrowed, rounded } from "../../src/lib/narrowing";
import { viewOf } from "../made";

test("edges can be read, and the outermost ones leave nobody out", () => {
  expect(rounded([0, 0.1 + 0.2, 0.6000000000000001, 1])).toEqual([0, 0.3, 0.6, 1]);
  const [low, high] = [0.12345678919, 0.98765432101234];
  expect(rounded([low, high])).toEqual([low, high]);
});

test("a range of a metric takes the place of the one before, and shows what it is about", () => {
  const view = viewOf("w=f1>=0.1|f1<0.4|fp=3&m=noise>=0.1|noise_level<2|noise=5");
  expect(narrowed(view, "f1", 0.2, 0.5, "<=").w).toEqual(["fp=3", "f1>=0.2", "f1<=0.5"]);
  expect(narrowed(view, "metadata.noise", 1, 2, "<").m).toEqual(["noise_level<2", "noise=5", "noise>=1", "noise<2"]);
  expect(narrowed(view, "iou", 0, 1, "<")).toMatchObject({ show: null, row: null });
  expect(narrowed(view, "f1", 0, 1, "<")).not.toHaveProperty("show");
});
