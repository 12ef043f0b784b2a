import { memo, useRef } from "react";
import { useNear } from "../../lib/useNear";
import { ClassBars } from "./ClassBars";
import { Histogram } from "./Histogram";
import { Outcomes } from "./Outcomes";
import type { PartProps } from "../shared/props";

/** How things spread: any metric over its values, outcomes over confidence, or objects over classes. */
export const Distribution = memo(function Distribution({ subject, versus, view, setView }: PartProps) {
  const panel = useRef<HTMLElement>(null);
  const near = useNear(panel);
  const parts = { subject: near ? subject : null, versus: near ? versus : null, view, setView };
  return (
    <section className="panel" aria-labelledby="distribution" ref={panel}>
      <header>
        <h2 id="distribution">Distribution</h2>
        <div className="group">
          <button
            type="button"
            className="control"
            aria-pressed={view.dist === "metric"}
            onClick={() => setView({ dist: null })}
          >
            of a metric
          </button>
          <button
            type="button"
            className="control"
            aria-pressed={view.dist === "outcomes"}
            onClick={() => setView({ dist: "outcomes" })}
          >
            of TP and FP
          </button>
          <button
            type="button"
            className="control"
            aria-pressed={view.dist === "classes"}
            onClick={() => setView({ dist: "classes" })}
          >
            of classes
          </button>
        </div>
      </header>
      {view.dist === "metric" ? (
        <Histogram {...parts} />
      ) : view.dist === "outcomes" ? (
        <Outcomes {...parts} />
      ) : (
        <ClassBars {...parts} />
      )}
    </section>
  );
});
