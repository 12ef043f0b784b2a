import { expect, test } from "vitest";
import { basisFor, filtersFor, ofRows } from "../../src/lib/basis";
import { filterOf } from "../../src/state/view";
import { viewOf } from "../made";

const filter = filterOf(viewOf("c=0.3"));
const shared = {
  rows: 7,
  leftOut: 2,
  own: { ...filter, shared_with: "b" },
  theirs: { ...filter, shared_with: "a" },
};

test("two runs beside each other are of the rows that both have, one alone is of all of its own", () => {
  expect(basisFor(filter, false, undefined)).toEqual({ own: filter, theirs: null });
  expect(basisFor(filter, true, undefined)).toBeUndefined();
  expect(basisFor(filter, true, shared)).toEqual({ own: shared.own, theirs: shared.theirs });
  expect(basisFor(filter, true, { ...shared, rows: 0 })).toEqual({ own: filter, theirs: null });
});

test("the objects of a cell of one run less the other are of the rows that both have", () => {
  const cell = viewOf("c=0.3&minus=1&actual=cat&predicted=dog");
  expect(filtersFor(cell, true, undefined)).toBeNull();
  expect(filtersFor(cell, true, shared)).toEqual({ own: shared.own, theirs: shared.theirs });
  for (const view of [viewOf("c=0.3&actual=cat&predicted=dog"), viewOf("c=0.3&minus=1")])
    expect(filtersFor(view, true, shared)).toEqual({ own: filter, theirs: filter });
  expect(filtersFor(cell, false, undefined)).toEqual({ own: filter, theirs: filter });
});

test("how many rows two runs share is not asked anew at another threshold or of other classes", () => {
  const asked = ofRows(filterOf(viewOf("c=0.3&split=test&m=noise>1")));
  expect(asked).toMatchObject({ split: ["test"], metadata: ["noise>1"] });
  expect(ofRows(filterOf(viewOf("missing=count")))).toMatchObject({ missing_rows: "count" });
  expect(ofRows(filterOf(viewOf("c=0.7&t=0.2&f=dog&split=test&m=noise>1")))).toEqual(asked);
});
