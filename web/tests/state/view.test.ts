import { expect, test } from "vitest";
import { correction, curveOf, filterOf } from "../../src/state/view";
import { viewOf } from "../made";

test("what an address cannot mean is corrected in it, and the rest is left as it is", () => {
  const said =
    "d=digits&c=7&t=abc&sort=nope&split=test,nope&m=nope&w=f1>=x&most=-3&roll=x&p=nope&hist=custom.a&other=1";
  expect(correction(new URLSearchParams(said))).toEqual({
    c: 1,
    t: null,
    sort: null,
    split: ["test"],
    m: [],
    w: [],
    most: 1,
    roll: null,
    p: null,
  });
  expect(correction(new URLSearchParams("d=digits&c=0.25&f=a|b"))).toEqual({});
});

test("an address without words means the defaults", () => {
  expect(filterOf(viewOf(""))).toEqual({
    policy: "iou-greedy",
    confidence: 0.5,
    iou: 0.5,
    split: [],
    feature: [],
    metadata: [],
  });
});

test("every question is asked with the filters and thresholds; curves from confidence 0 up", () => {
  const view = viewOf("p=coco&c=0.25&t=0.75&split=test&f=dog|cat&m=noise>=0.3|sky=blue&roll=2&missing=count");
  const filter = {
    policy: "coco",
    confidence: 0.25,
    iou: 0.75,
    split: ["test"],
    feature: ["dog", "cat"],
    metadata: ["noise>=0.3", "sky=blue"],
    roll_up: 2,
    missing_rows: "count",
  };
  expect(filterOf(view)).toEqual(filter);
  expect(curveOf(filter)).toEqual({ ...filter, confidence: 0, max_points: 500 });
});
