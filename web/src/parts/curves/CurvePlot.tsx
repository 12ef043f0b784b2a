import { useCallback, useMemo } from "react";
import type { Color } from "../../lib/chart";
import {
  CURVE_WORDS,
  type CurveKind,
  curveOption,
  extentOf,
  FRAME,
  placeIn,
  placeOf,
  pointIn,
  WHOLE,
} from "../../lib/curveOption";
import { ratio } from "../../lib/format";
import { type Line, nearest } from "../../lib/lines";
import { useDragged } from "../../lib/useDragged";
import { Chart } from "../shared/Chart";
import styles from "./Curves.module.css";
import { Dot } from "./Dot";
import type { PartProps } from "../shared/props";

interface Props extends PartProps {
  kind: CurveKind;
  lines: Line[];
}

/** The lines, and the dot on the one of the run; a click anywhere brings the dot near. */
export function CurvePlot({ kind, lines, ...parts }: Props) {
  const { subject, view } = parts;
  const dragged = useDragged("c", parts);
  const words = CURVE_WORDS[kind];
  const [first] = lines;
  // The first line has a dot of its own: where it is the only one, there is nothing to draw anew.
  const marked = lines.length > 1 ? view.c : null;
  const zoomed = kind === "pr" && view.zoom === "1";
  const extent = useMemo(() => (zoomed ? extentOf(lines) : WHOLE), [zoomed, lines]);
  const option = useCallback(
    (color: Color) => curveOption(kind, lines, marked, color, extent),
    [kind, lines, marked, extent],
  );
  const along = kind === "f1" || kind === "calibration";
  const at = first && placeOf(kind, first, dragged.value);
  const isOwn = first?.name === (subject?.run ?? "");
  const thresholdAt = (x: number, y: number, width: number, height: number) => {
    if (along) return Math.min(1, Math.max(0, Number(x.toFixed(3))));
    if (!first) return null;
    const point = pointIn(extent, { x, y });
    return nearest(first, point.x, point.y, width / (extent.x[1] - extent.x[0]), height / (extent.y[1] - extent.y[0]));
  };
  const place = at && placeIn(extent, at);
  const isSeen = place !== undefined && place.x >= 0 && place.x <= 1 && place.y >= 0 && place.y <= 1;
  return (
    // The dot is for the keyboard what a click is for the mouse.
    // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions
    <div
      className={styles.chart}
      onClick={(event) => {
        if (!(event.target instanceof HTMLCanvasElement)) return;
        const box = event.currentTarget.getBoundingClientRect();
        const width = box.width - FRAME.left - FRAME.right;
        const high = box.height - FRAME.top - FRAME.bottom;
        const x = (event.clientX - box.left - FRAME.left) / width;
        const y = 1 - (event.clientY - box.top - FRAME.top) / high;
        const next = x < 0 || x > 1 || y < 0 || y > 1 ? null : thresholdAt(x, y, width, high);
        if (next !== null) dragged.set(next);
      }}
    >
      <Chart option={option} label={`${words.y} against ${words.x}`} />
      {at && isOwn && isSeen && (
        <Dot
          frame={FRAME}
          at={place}
          threshold={dragged.value}
          said={`${words.x} ${ratio(at.x)}, ${words.y} ${ratio(at.y)}`}
          color={`var(--${first.color})`}
          press={dragged.press}
          drag={dragged.drag}
          drop={dragged.drop}
          thresholdAt={thresholdAt}
        />
      )}
    </div>
  );
}
