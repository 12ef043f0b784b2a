import { memo, useMemo, useState } from "react";
import type { Row, RowObject } from "../api/schema";
import { keyOf, nameOf, type Side } from "../lib/cases";
import { outlineOf } from "../lib/rle";
import { type Box, extentOf, isUpsideDown, keypointsOf, ringsOf } from "../lib/shape";
import { colorOf } from "../lib/outcome";
import { Pin } from "./Mark";
import styles from "./Overlay.module.css";

export interface Drawn {
  side: Side;
  object: RowObject;
}
/** Of each class with a skeleton, which keypoints a line leads between. */
export type Skeletons = Map<string, [number, number][]>;

interface Props {
  row: Row;
  objects: Drawn[];
  /** The part of the picture that is shown. */
  box: Box;
  /** How wide it is on the screen, in pixels: letters and signs keep their size whatever the picture's. */
  pixels: number;
  labels: "none" | "signs" | "names";
  skeletons: Skeletons;
  pointed?: readonly string[];
  point?: (key: string | null) => void;
  choose?: (key: string) => void;
}

/** The picture of a data row with objects drawn upon it: predictions solid, annotations dashed. */
export const Overlay = memo(function Overlay(props: Props) {
  const { row, objects, box, pixels, labels, skeletons, pointed = [], point, choose } = props;
  const [x, y, width, height] = box;
  const [broken, setBroken] = useState(false);
  const unit = width / pixels;
  const flipped = isUpsideDown(row);
  // The large ones first, so that a small one upon them can be pointed at.
  const ordered = useMemo(() => [...objects].sort((a, b) => areaOf(b.object) - areaOf(a.object)), [objects]);
  return (
    <svg
      className={styles.picture}
      viewBox={`${x} ${flipped ? -(y + height) : y} ${width} ${height}`}
      role="img"
      aria-label={`${objects.length} objects on ${row.data_row}`}
      data-choosing={pointed.length > 0}
    >
      {row.media_url && !flipped && (
        <image
          href={row.media_url}
          width={row.width || undefined}
          height={row.height || undefined}
          preserveAspectRatio="none"
          style={{ imageRendering: unit < 0.12 ? "pixelated" : "auto" }}
          onError={() => setBroken(true)}
        />
      )}
      {broken && (
        <text className={styles.broken} x={x + width / 2} y={y + height / 2} fontSize={13 * unit} textAnchor="middle">
          The picture could not be loaded
        </text>
      )}
      {ordered.map(({ side, object }) => {
        const key = keyOf(side, object);
        return (
          <g
            key={key}
            data-object={key}
            data-side={side}
            data-outcome={object.outcome ?? "outside"}
            data-pointed={pointed.includes(key)}
            data-live={choose ? "" : undefined}
            data-filled={object.type === "mask" || object.type === "polygon" ? "" : undefined}
            color={colorOf(object.outcome)}
            stroke="currentColor"
            strokeLinejoin="round"
            transform={flipped ? "scale(1 -1)" : undefined}
            pointerEvents={choose ? "all" : "none"}
            onPointerEnter={point && (() => point(key))}
            onPointerLeave={point && (() => point(null))}
            onClick={choose && (() => choose(key))}
          >
            <Shape object={object} unit={unit} lines={skeletons.get(object.feature) ?? []} />
          </g>
        );
      })}
      {labels !== "none" &&
        ordered.map(({ side, object }) => {
          const partner = partnerOf(objects, { side, object });
          // Of a pair the prediction says it all.
          if (partner && side === "annotation") return null;
          return (
            <Label
              key={keyOf(side, object)}
              object={object}
              name={partner ? nameOf({ annotation: partner, prediction: object }) : object.label}
              box={box}
              unit={unit}
              flipped={flipped}
              named={labels === "names"}
            />
          );
        })}
    </svg>
  );
});

/** What an object is matched to, if that is drawn too. */
function partnerOf(objects: Drawn[], { side, object }: Drawn): RowObject | null {
  if (object.matched === null) return null;
  return objects.find((one) => one.side !== side && one.object.id === object.matched)?.object ?? null;
}

interface LabelProps {
  object: RowObject;
  name: string;
  box: Box;
  unit: number;
  flipped: boolean;
  named: boolean;
}

/** The sign of an object at its corner, and its name if there is room for names. */
function Label({ object, name, box, unit, flipped, named }: LabelProps) {
  const place = extentOf(object);
  const { outcome } = object;
  if (!place || !outcome || (!named && outcome === "tp")) return null;
  const top = flipped ? -(place[1] + place[3]) : place[1];
  const first = flipped ? -(box[1] + box[3]) : box[1];
  const words = typeof object.confidence === "number" ? `${name} ${object.confidence.toFixed(2)}` : name;
  // Within the picture, as far as can be told without measuring the letters.
  const length = (named ? 19 + 7.4 * words.length : 15) * unit;
  const x = Math.max(Math.min(place[0], box[0] + box[2] - length), box[0] + 2 * unit);
  // Above the object; where the picture ends there, within it.
  const y = Math.max(top - 16 * unit, first + 2 * unit);
  return (
    <>
      <Pin outcome={outcome} x={x} y={y} size={13 * unit} />
      {named && (
        <text
          x={x + 17 * unit}
          y={y + 11 * unit}
          fontSize={12.5 * unit}
          fill={colorOf(outcome)}
          strokeWidth={3 * unit}
          pointerEvents="none"
        >
          {words}
        </text>
      )}
    </>
  );
}

interface ShapeProps {
  object: RowObject;
  unit: number;
  lines: [number, number][];
}

function Shape({ object, unit, lines }: ShapeProps) {
  const g = object.geometry;
  switch (object.type) {
    case "bbox":
      return <rect x={g[0]} y={g[1]} width={g[2]} height={g[3]} />;
    case "rotated_box": {
      const [x = 0, y = 0, width = 0, height = 0, angle = 0] = g;
      const [left, top] = [x - width / 2, y - height / 2];
      return <rect x={left} y={top} width={width} height={height} transform={`rotate(${angle} ${x} ${y})`} />;
    }
    case "mask":
      return <path d={outlineOf(object.detail).path} fillRule="evenodd" />;
    case "polygon":
      return <path d={ringsOf(object)} fillRule="evenodd" />;
    case "polyline":
      return <polyline points={g.join(" ")} fill="none" />;
    case "point":
      return <circle cx={g[0]} cy={g[1]} r={5 * unit} />;
    case "keypoints": {
      const points = keypointsOf(object);
      return (
        <>
          {lines.map(([from, to]) => {
            const [a, b] = [points[from], points[to]];
            return a && b && a.seen > 0 && b.seen > 0 ? (
              <line key={`${from} ${to}`} x1={a.x} y1={a.y} x2={b.x} y2={b.y} />
            ) : null;
          })}
          {points.map(({ x, y, seen }, i) =>
            seen > 0 ? (
              <circle
                // A keypoint is known by its place in the skeleton.
                key={i}
                cx={x}
                cy={y}
                r={3.5 * unit}
                fill={seen === 2 ? "currentColor" : "none"}
                strokeDasharray="none"
              />
            ) : null,
          )}
        </>
      );
    }
    default:
      return null;
  }
}

function areaOf(object: RowObject): number {
  const box = extentOf(object);
  return box ? box[2] * box[3] : 0;
}
