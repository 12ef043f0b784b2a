import { expect, test } from "vitest";
import { labelLines, labelsHead, rowLine } from "../../src/lib/labelLines";
import type { Row } from "../../src/api/schema";

const ROW = {
  data_row: "a,1",
  split: "test",
  width: 4,
  height: 3,
  metrics: { f1: null, tp: 1 },
  annotations: [],
  predictions: [
    {
      id: "1",
      type: "bbox",
      feature: "dog",
      label: "dog",
      geometry: [0, 0.5, 2, 2],
      area: 4,
      crowd: false,
      detail: "",
      parent: null,
      repaired: false,
      confidence: 0.75,
      outcome: "tp",
      cause: null,
      matched: "7",
      iou: 0.5,
      metrics: null,
    },
  ],
} as unknown as Row;

test("a label is a line with its shape, and what is not defined is an empty field", () => {
  expect(labelsHead(ROW)).toBe(
    "data_row,split,width,height,side,id,type,feature,label,outcome,cause,matched,iou,confidence,geometry,area,crowd,detail,parent,repaired,metrics,row.f1,row.tp\r\n",
  );
  expect(labelLines(ROW)).toEqual([
    '"a,1",test,4,3,prediction,1,bbox,dog,dog,tp,,7,0.5,0.75,"[0,0.5,2,2]",4,False,,,False,,,1\r\n',
  ]);
});

test("a row without objects has a line too", () => {
  expect(labelLines({ ...ROW, predictions: [] })).toEqual(['"a,1",test,4,3,,,,,,,,,,,,,,,,,,,1\r\n']);
});

test("a row is one line of JSON, whole", () => {
  expect(rowLine(ROW).endsWith("\n")).toBe(true);
  expect(JSON.parse(rowLine(ROW))).toEqual(ROW);
});
