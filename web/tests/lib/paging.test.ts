import { expect, test } from "vitest";
import { lastPage, pageAt } from "../../src/lib/paging";

test("a page beyond the end is the last one", () => {
  expect([0, 1, 8, 9, 16].map((total) => lastPage(total, 8))).toEqual([0, 0, 0, 8, 8]);
  expect([pageAt(8000, 17, 8), pageAt(8, 17, 8), pageAt(8, 0, 8)]).toEqual([16, 8, 0]);
});
