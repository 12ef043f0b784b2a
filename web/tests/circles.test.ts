import { expect, test } from "vitest";

const TEXTS = import.meta.glob<string>("../src/**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true });

/** What each module of the page imports of the page's own, types included. */
function imports(): Map<string, string[]> {
  const nameOf = (file: string) => file.replace(/(\.d)?\.tsx?$/, "");
  const known = new Set(Object.keys(TEXTS).map(nameOf));
  return new Map(
    Object.entries(TEXTS).map(([file, text]) => {
      const named = [...text.matchAll(/from "(\.[^"]+)"/g)].map(([, path = ""]) => joined(file, path));
      return [nameOf(file), named.filter((name) => known.has(name))];
    }),
  );
}

/** Where a path leads that is said in a file. */
function joined(file: string, path: string): string {
  const base = "https://page/a/";
  return `../${new URL(path, new URL(file, base + "b/")).pathname.replace("/a/", "")}`;
}

/** Modules that import each other, as a way from one back to itself; none, if there is no such way. */
function circle(graph: Map<string, string[]>): string[] {
  const done = new Set<string>();
  const follow = (name: string, way: string[]): string[] => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return [];
    for (const next of graph.get(name) ?? []) {
      const found = follow(next, [...way, name]);
      if (found.length > 0) return found;
    }
    done.add(name);
    return [];
  };
  for (const name of graph.keys()) {
    const found = follow(name, []);
    if (found.length > 0) return found;
  }
  return [];
}

test("no module imports itself by way of others", () => {
  const graph = imports();
  expect(graph.size).toBeGreaterThan(50);
  expect(circle(graph)).toEqual([]);
  expect(
    circle(
      new Map([
        ["a", ["b"]],
        ["b", ["c"]],
        ["c", ["b"]],
      ]),
    ),
  ).toEqual(["b", "c", "b"]);
});
