import { expect, test } from "vitest";
import { cellOf, chosenOf, NONE_CHOSEN, ofFigure, ofSum, orderedBy } from "../../src/lib/selection";
import { viewOf } from "../made";

test.each([
  ["", []],
  ["cause=missed", ["cause: missed"]],
  ["outcome=false_alarm", ["false alarm"]],
  ["counted=fn", ["false negatives"]],
  ["counted=fp&alone=1", ["false positives of one run alone"]],
  ["f=eight|two", ["class eight", "class two"]],
  ["w=f1>=0.2|f1<0.4", ["F1 ≥ 0.2, < 0.4"]],
  ["actual=dog&predicted=", ["dog → missed"]],
  ["actual=&predicted=cat&outcome=wrong", ["false alarm → cat", "wrong class"]],
])("%s is said as %s", (query, words) => {
  expect(chosenOf(viewOf(query))).toEqual(words);
});

test("to clear what was chosen leaves nothing to say", () => {
  const view = viewOf("cause=missed&outcome=wrong&f=eight&w=f1<1&actual=a&predicted=b&show=rows&whose=b");
  const cleared = { ...view, ...NONE_CHOSEN, f: [], w: [] };
  expect(chosenOf(cleared)).toEqual([]);
  expect(Object.keys(NONE_CHOSEN).sort()).toEqual(
    ["actual", "alone", "cause", "counted", "f", "outcome", "predicted", "show", "w", "whose"].sort(),
  );
});

test("half a cell is anything on its other side", () => {
  expect(cellOf({ actual: "dog", predicted: null })).toBe("dog → anything");
  expect(cellOf({ actual: null, predicted: null })).toBeNull();
});

test("by confidence begins with the surest, all other orders with their beginning", () => {
  expect(orderedBy("confidence")).toEqual({ osort: "confidence", desc: "1" });
  expect(orderedBy("data_row")).toEqual({ osort: "data_row", desc: null });
});

test("a sum of the matrix chooses all of its row or column, and once more nothing", () => {
  const first = ofSum({ actual: null, predicted: null }, "actual", "cat");
  expect(first).toMatchObject({ isChosen: false, change: { actual: "cat", predicted: null } });
  expect(ofSum({ actual: "cat", predicted: null }, "actual", "cat")).toMatchObject({
    isChosen: true,
    change: { actual: null, predicted: null },
  });
  expect(ofSum({ actual: "cat", predicted: "dog" }, "predicted", "").change).toMatchObject({
    predicted: "",
    actual: null,
  });
});

test("a figure of the headline chooses its objects and nothing else, and once more everything", () => {
  const first = ofFigure(viewOf("outcome=missed"), "fp");
  expect(first).toMatchObject({ isChosen: false, change: { counted: "fp", outcome: null, w: null } });
  expect(ofFigure(viewOf("counted=fp"), "fp")).toMatchObject({ isChosen: true, change: { counted: null } });
  expect(ofFigure(viewOf("counted=fp&alone=1"), "fp")).toMatchObject({ isChosen: false, change: { alone: null } });
});
