import { expect, test } from "vitest";
import { csvLine } from "../../src/lib/download";

test("null is an empty field, and only what needs it is quoted", () => {
  expect(csvLine(["a", 0, null, undefined, 1.5])).toBe("a,0,,,1.5\r\n");
  expect(csvLine(["a,b", 'say "x"', "two\nlines", "plain text"])).toBe('"a,b","say ""x""","two\nlines",plain text\r\n');
});
