import { useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import type { Row, RowObject } from "../../api/schema";
import type { Side } from "../../lib/cases";
import { type Box, filling, frameOf, isDrawn, isSpan, isUpsideDown } from "../../lib/shape";
import { useWidth } from "../../lib/useWidth";
import { SIDES } from "../../state/lower";
import type { SetView, View } from "../../state/view";
import { LostPictures } from "../gallery/LostPictures";
import { Legend } from "../shared/Mark";
import { type Drawn, Overlay, type Skeletons } from "./Overlay";
import { Passage } from "./Passage";
import styles from "./Stage.module.css";

interface Props {
  row: Row;
  view: View;
  setView: SetView;
  skeletons: Skeletons;
  /** Predictions that do not count here, and are to be seen all the same. */
  more: RowObject[];
  pointed: string[];
  point: (key: string | null) => void;
  choose: (key: string) => void;
}

const NAMES = { annotation: "Annotations", prediction: "Predictions" };

/** The row itself, large: a picture to look into, or a text. */
export function Stage(props: Props) {
  const { row, view, setView, more, point, choose, pointed } = props;
  const objects = useMemo<Drawn[]>(
    () =>
      SIDES.filter((side) => !view.hide.includes(side)).flatMap((side) =>
        (side === "annotation" ? row.annotations : row.predictions)
          .filter((object) => (object.outcome !== null || more.includes(object)) && (isDrawn(object) || isSpan(object)))
          .map((object) => ({ side, object })),
      ),
    [row, view.hide, more],
  );
  const toggles = (
    <div className="group">
      {SIDES.map((side: Side) => (
        <button
          key={side}
          type="button"
          className="control"
          aria-pressed={!view.hide.includes(side)}
          title={view.hide.includes(side) ? `Show the ${side}s` : `Hide the ${side}s`}
          onClick={() =>
            setView({
              hide: view.hide.includes(side) ? view.hide.filter((one) => one !== side) : [...view.hide, side],
            })
          }
        >
          {NAMES[side]}
        </button>
      ))}
    </div>
  );
  if (row.text)
    return (
      <div>
        <div className={styles.tools}>{toggles}</div>
        <div className={styles.text}>
          <Passage text={row.text} objects={objects} {...{ pointed, point, choose }} />
        </div>
        <Legend rows={[row]} />
      </div>
    );
  return <Picture {...props} objects={objects} toggles={toggles} />;
}

/** The most of the screen's height that a picture takes. */
const HIGHEST = 0.66;
/** How much nearer one step goes, and how near one can get. */
const STEP = 1.5;
const NEAREST = 40;

/** A picture that one can go nearer to: with the wheel, with buttons, with + and −; dragged about with the pointer. */
function Picture({
  row,
  skeletons,
  objects,
  toggles,
  pointed,
  point,
  choose,
}: Props & { objects: Drawn[]; toggles: React.ReactNode }) {
  const element = useRef<HTMLDivElement>(null);
  const width = useWidth(element, 700);
  const [lost, setLost] = useState<string | null>(null);
  const frame = frameOf(row);
  // Neither a very wide nor a very tall picture may push all else off the screen.
  const aspect = Math.min(Math.max(frame[2] / frame[3], 1, width / (HIGHEST * innerHeight)), 2.4);
  const whole = filling(frame, aspect);
  const [zoom, setZoom] = useState(1);
  const [center, setCenter] = useState<[number, number]>([whole[0] + whole[2] / 2, whole[1] + whole[3] / 2]);
  const box: Box = [center[0] - whole[2] / zoom / 2, center[1] - whole[3] / zoom / 2, whole[2] / zoom, whole[3] / zoom];
  const goTo = (x: number, y: number, nearness: number) => {
    const [w, h] = [whole[2] / nearness, whole[3] / nearness];
    const within = (value: number, from: number, length: number, half: number) =>
      Math.min(Math.max(value, from + half), from + length - half);
    setZoom(nearness);
    setCenter([within(x, whole[0], whole[2], w / 2), within(y, whole[1], whole[3], h / 2)]);
  };
  /** Go nearer by a factor, so that the place at (u, v), shares of the box, stays where it is. */
  const nearer = (factor: number, u = 0.5, v = 0.5) => {
    const to = Math.min(Math.max(zoom * factor, 1), NEAREST);
    const shift = 1 / zoom - 1 / to;
    goTo(center[0] + (u - 0.5) * whole[2] * shift, center[1] + (v - 0.5) * whole[3] * shift, to);
  };
  const turned = useEffectEvent((event: WheelEvent) => {
    // At its full size the picture lets the wheel scroll on.
    if (event.deltaY > 0 && zoom === 1) return;
    event.preventDefault();
    const place = element.current?.getBoundingClientRect();
    if (!place) return;
    const [u, v] = [(event.clientX - place.left) / place.width, (event.clientY - place.top) / place.height];
    nearer(Math.exp(-event.deltaY / 300), u, v);
  });
  useEffect(() => {
    const own = element.current;
    own?.addEventListener("wheel", turned, { passive: false });
    return () => own?.removeEventListener("wheel", turned);
  }, []);
  const drag = useRef<{ x: number; y: number; moved: boolean } | null>(null);
  const reset = () => goTo(whole[0] + whole[2] / 2, whole[1] + whole[3] / 2, 1);
  const pressed = useEffectEvent((event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const [across, down] = event.shiftKey ? (MOVES[event.key] ?? [0, 0]) : [0, 0];
    if (event.key === "+" || event.key === "=") nearer(STEP);
    else if (event.key === "-") nearer(1 / STEP);
    else if (event.key === "0") reset();
    else if (across || down) goTo(center[0] + across * box[2] * 0.2, center[1] + down * box[3] * 0.2, zoom);
    else return;
    event.preventDefault();
  });
  useEffect(() => {
    // Wherever in the dialog the focus is: there is but one picture to zoom.
    const dialog = element.current?.closest<HTMLElement>("[role=dialog]");
    dialog?.addEventListener("keydown", pressed);
    return () => dialog?.removeEventListener("keydown", pressed);
  }, []);
  return (
    <div>
      <div className={styles.tools}>
        {toggles}
        <div className="group" role="group" aria-label="Zoom">
          <button
            type="button"
            className="control"
            aria-label="Zoom out"
            title="Zoom out (−)"
            disabled={zoom === 1}
            onClick={() => nearer(1 / STEP)}
          >
            −
          </button>
          <button
            type="button"
            className={`control number ${styles.zoom}`}
            title="The whole picture (0)"
            onClick={reset}
          >
            {Math.round(zoom * 100)}%
          </button>
          <button
            type="button"
            className="control"
            aria-label="Zoom in"
            title="Zoom in (+)"
            disabled={zoom === NEAREST}
            onClick={() => nearer(STEP)}
          >
            +
          </button>
        </div>
      </div>
      {/* What can be looked into takes keys, and says so. */}
      {/* eslint-disable jsx-a11y/no-noninteractive-tabindex */}
      <div
        ref={element}
        className={styles.picture}
        style={{ aspectRatio: aspect, cursor: zoom > 1 ? "grab" : undefined }}
        role="group"
        tabIndex={0}
        aria-label="Picture: + and − zoom, 0 shows all of it, Shift with arrows moves it"
        data-zoom={zoom}
        onPointerDown={(event) => {
          if (zoom > 1) drag.current = { x: event.clientX, y: event.clientY, moved: false };
        }}
        onPointerMove={(event) => {
          const from = drag.current;
          if (!from || event.buttons === 0) return;
          const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
          if (!from.moved && Math.hypot(dx, dy) < 4) return;
          drag.current = { x: event.clientX, y: event.clientY, moved: true };
          goTo(center[0] - (dx * box[2]) / width, center[1] - (dy * box[2]) / width, zoom);
        }}
      >
        <Overlay
          row={row}
          objects={objects}
          box={box}
          pixels={width}
          labels="names"
          skeletons={skeletons}
          pointed={pointed}
          point={point}
          choose={(key) => {
            if (!drag.current?.moved) choose(key);
          }}
          onLost={setLost}
        />
      </div>
      {/* eslint-enable */}
      {isUpsideDown(row) && (
        <p className={`muted ${styles.note}`}>
          Drawn by longitude and latitude, north up
          {row.media_url && ", without the picture: where on the map it lies is not known"}.
        </p>
      )}
      {lost !== null && lost === row.media_url && <LostPictures urls={[lost]} />}
      <Legend rows={[row]} />
    </div>
  );
}

const MOVES: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
