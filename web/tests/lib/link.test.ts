import { expect, test } from "vitest";
import { linkOf } from "../../src/lib/link";

const HOST = "http://here:8000/";

test("a link says the dataset and the run, even where the address does not yet", () => {
  const subject = { dataset: "x y", run: "v1&2" };
  expect(linkOf(`${HOST}?c=0.3`, subject)).toBe(`${HOST}?d=x+y&a=v1%262&c=0.3`);
  expect(linkOf(HOST, subject)).toBe(`${HOST}?d=x+y&a=v1%262`);
  expect(linkOf(`${HOST}?d=x&a=z&f=a%7Cb`, { dataset: "x", run: "y" })).toBe(`${HOST}?d=x&a=y&f=a%7Cb`);
});

test("where nothing is shown, the address is all there is to pass on", () => {
  expect(linkOf(`${HOST}?d=nope`, null)).toBe(`${HOST}?d=nope`);
});
