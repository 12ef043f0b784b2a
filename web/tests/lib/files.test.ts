import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fileUrl, nameOf } from "../../src/lib/files";
import { saidOf } from "../../src/lib/selection";
import { viewOf } from "../made";

describe("files that the service writes", () => {
  beforeAll(() => vi.stubGlobal("document", { baseURI: "http://here/evalstream/" }));
  afterAll(() => vi.unstubAllGlobals());

  it("are asked for by the names of the dataset and the run, whatever they hold", () => {
    const said = { format: "csv", split: ["train", "test"], cause: null };
    expect(fileUrl("export", { dataset: "a/b", run: "v 7" }, said).href).toBe(
      "http://here/evalstream/v1/datasets/a%2Fb/runs/v%207/export?format=csv&split=train&split=test",
    );
  });

  it("are of the view, as far as they can be", () => {
    const view = viewOf("c=0.4&f=car&w=fp>=1&b=v6&roll=1");
    expect(saidOf(view, "export")).toMatchObject({ confidence: 0.4, feature: ["car"], where: ["fp>=1"], roll_up: 1 });
    expect(saidOf(view, "report")).toMatchObject({ confidence: 0.4, feature: ["car"], versus: "v6" });
    expect(saidOf(view, "mislabels")).toMatchObject({ confidence: 0.4, feature: [], roll_up: null });
  });

  it("are called as the service says", () => {
    expect(nameOf('attachment; filename="street-v7.zip"')).toBe("street-v7.zip");
    expect(nameOf("attachment; filename*=utf-8''stra%C3%9Fe.zip")).toBe("straße.zip");
    expect(nameOf("")).toBe("export");
  });
});
