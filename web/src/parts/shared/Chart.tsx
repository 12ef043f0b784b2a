import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import {
  AriaComponent,
  BrushComponent,
  GridComponent,
  LegendComponent,
  ToolboxComponent,
  TooltipComponent,
} from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useEffectEvent, useRef } from "react";
import type { Color } from "../../lib/chart";
import { type Theme, useTheme } from "../../lib/theme";

echarts.use([
  AriaComponent,
  BarChart,
  BrushComponent,
  CanvasRenderer,
  GridComponent,
  LegendComponent,
  LineChart,
  ScatterChart,
  ToolboxComponent,
  TooltipComponent,
]);

type Option = echarts.EChartsCoreOption;

interface Props {
  option: (color: Color) => Option;
  /** In pixels; if not said, it fills the place that it stands in. */
  height?: number;
  label: string;
  /** Offers to drag over the horizontal axis, and tells from where to where; the option needs a `brush`. */
  onBrush?: ((range: [number, number]) => void) | undefined;
}

/** A chart in the page's own colours, which follows its width and the theme. */
export function Chart({ option, height, label, onBrush }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts | null>(null);
  const [theme] = useTheme();

  useEffect(() => {
    const place = element.current;
    if (!place) return;
    const own = echarts.init(place);
    chart.current = own;
    const observer = new ResizeObserver(() => {
      // It also tells of the size that there is when it begins to look.
      if (own.getWidth() !== place.clientWidth || own.getHeight() !== place.clientHeight) own.resize();
    });
    observer.observe(place);
    return () => {
      observer.disconnect();
      own.dispose();
    };
  }, []);

  useEffect(() => {
    const color = colorsOf(theme);
    chart.current?.setOption(
      {
        animation: false,
        textStyle: { fontFamily: color.font, color: color.of("ink") },
        aria: { enabled: true, label: { description: label } },
        ...option(color.of),
      },
      { notMerge: true },
    );
  }, [option, label, theme]);

  const isBrushed = onBrush !== undefined;
  const brushed = useEffectEvent((range: [number, number]) => onBrush?.(range));
  useEffect(() => {
    const own = chart.current;
    if (!own || !isBrushed) return;
    own.dispatchAction({
      type: "takeGlobalCursor",
      key: "brush",
      brushOption: { brushType: "lineX", brushMode: "single" },
    });
    const handler = (event: unknown) => {
      const [area] = (event as { areas: { coordRange?: [number, number] }[] }).areas;
      if (area?.coordRange) brushed(area.coordRange);
      own.dispatchAction({ type: "brush", areas: [] });
    };
    own.on("brushEnd", handler);
    return () => {
      if (!own.isDisposed()) own.off("brushEnd", handler);
    };
  }, [isBrushed, option, theme]);

  const size = height === undefined ? ({ position: "absolute", inset: 0 } as const) : { height, width: "100%" };
  return <div ref={element} style={size} role="img" aria-label={label} />;
}

/** The page's colours as they are in a theme. */
interface Colors {
  font: string;
  of: Color;
}

const known = new Map<Theme, Colors>();

/** A canvas knows no light-dark(): let the browser resolve each colour, once a theme, for it styles the page to do so. */
function colorsOf(theme: Theme): Colors {
  const found = known.get(theme);
  if (found) return found;
  const resolved = new Map<string, string>();
  const of: Color = (name) => {
    const before = resolved.get(name);
    if (before !== undefined) return before;
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const color = getComputedStyle(probe).color;
    probe.remove();
    resolved.set(name, color);
    return color;
  };
  const colors = { font: getComputedStyle(document.documentElement).fontFamily, of };
  known.set(theme, colors);
  return colors;
}
