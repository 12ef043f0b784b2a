import { expect, test } from "vitest";
import { answerOf, around, extentOf, filling, keypointsOf, ringsOf, within } from "../../src/lib/shape";
import { made } from "../made";

test("the upright box around each kind of object", () => {
  expect(extentOf(made({ geometry: [1, 2, 3, 4] }))).toEqual([1, 2, 3, 4]);
  const turned = extentOf(made({ type: "rotated_box", geometry: [10, 10, 8, 2, 90] }));
  expect(turned?.map((one) => Math.round(one))).toEqual([9, 6, 2, 8]);
  expect(extentOf(made({ type: "polyline", geometry: [3, 4, 1, 9] }))).toEqual([1, 4, 2, 5]);
  expect(extentOf(made({ type: "radio", geometry: [] }))).toBeNull();
  expect(extentOf(made({ type: "polygon", geometry: [] }))).toBeNull();
});

test("a polygon's detail says where its rings end", () => {
  const object = made({ type: "polygon", detail: "[[3],[2]]", geometry: [0, 0, 4, 0, 4, 4, 1, 1, 2, 2] });
  expect(ringsOf(object)).toBe("M0 0 4 0 4 4ZM1 1 2 2Z");
});

test("an annotation's keypoints come behind a box, those of a prediction do not", () => {
  expect(keypointsOf(made({ geometry: [0, 0, 9, 9, 1, 2, 1] }))).toEqual([{ x: 1, y: 2, seen: 1 }]);
  expect(keypointsOf(made({ geometry: [1, 2, 0.4] }))).toEqual([{ x: 1, y: 2, seen: 2 }]);
});

test("a point has something around it, and a box goes where it is asked to", () => {
  expect(around([made({ type: "point", geometry: [5, 5] })], 0.5)).toEqual([4.5, 4.5, 1, 1]);
  expect(around([], 1)).toBeNull();
  expect(filling([0, 0, 10, 10], 2)).toEqual([-5, 0, 20, 10]);
  expect(within([-3, 95, 10, 10], [0, 0, 100, 100])).toEqual([0, 90, 10, 10]);
  expect(within([0, 0, 200, 10], [0, 0, 100, 100])).toEqual([-50, 0, 200, 10]);
});

test("answers in words", () => {
  expect(answerOf(made({ type: "number", geometry: [15.5] }))).toBe("15.5");
  expect(answerOf(made({ type: "radio", feature: "a=b", label: "a\\=b=c" }))).toBe("c");
  expect(answerOf(made({ type: "question", feature: "seen", label: "seen" }))).toBe("none of them");
});
