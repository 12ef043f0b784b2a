import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { filterOf, type View } from "../state/view";
import { answered, api } from "./client";
import type { Rows } from "./schema";

/** Which run a question is about. */
export interface Subject {
  dataset: string;
  run: string;
}

const PAGE = 30;
/** How often what may still change is asked anew, in milliseconds. */
const REFRESH = 2_000;

export function useDatasets() {
  return useQuery({
    queryKey: ["datasets"],
    queryFn: async () => answered(await api.GET("/v1/datasets")).datasets,
    refetchInterval: 10_000,
  });
}

export function useProgress(subject: Subject | null) {
  return useQuery({
    queryKey: ["progress", subject],
    enabled: subject !== null,
    queryFn: async () =>
      answered(await api.GET("/v1/datasets/{dataset}/runs/{run}/progress", { params: { path: subject as Subject } })),
    refetchInterval: REFRESH,
  });
}

export function useSummary(subject: Subject | null, view: View) {
  const query = filterOf(view);
  return useQuery({
    queryKey: ["summary", subject, query],
    enabled: subject !== null,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/summary", {
          params: { path: subject as Subject, query },
          signal,
        }),
      ),
  });
}

export function useAveragePrecision(subject: Subject | null, view: View) {
  const query = filterOf(view);
  return useQuery({
    queryKey: ["average-precision", subject, query],
    enabled: subject !== null,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/average-precision", {
          params: { path: subject as Subject, query },
          signal,
        }),
      ),
  });
}

/** Which cells of the confusion matrix, and how many: of thousands of classes never all. */
export interface Cells {
  cells?: "all" | "errors";
  search?: string;
  label?: string[];
  limit?: number;
}

export function useConfusionMatrix(subject: Subject | null, view: View, page: Cells = {}, enabled = true) {
  const query = { ...filterOf(view), ...page };
  return useQuery({
    queryKey: ["confusion-matrix", subject, query],
    enabled: subject !== null && enabled,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/confusion-matrix", {
          params: { path: subject as Subject, query },
          signal,
        }),
      ),
  });
}

/** Some classes of the run: the first ones in an order, or those whose name contains a text. */
export function useClassPage(
  subject: Subject | null,
  view: View,
  page: { search: string; sort?: "label" | "annotations"; descending?: boolean; limit: number },
  enabled = true,
) {
  const query = { ...filterOf(view), ...page };
  return useQuery({
    queryKey: ["class-page", subject, query],
    enabled: subject !== null && enabled,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/classes", {
          params: { path: subject as Subject, query },
          signal,
        }),
      ),
  });
}

/** Classes of the dataset whose name contains a text, those used most first. */
export function useClassSearch(subject: Subject | null, search: string, enabled: boolean) {
  const query = { search, sort: "annotations" as const, descending: true, limit: 30 };
  return useQuery({
    queryKey: ["class-search", subject, query],
    enabled: subject !== null && enabled,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const { dataset, run } = subject as Subject;
      return answered(
        await api.GET("/v1/datasets/{dataset}/classes", {
          params: { path: { dataset }, query: { ...query, run } },
          signal,
        }),
      );
    },
  });
}

/** How many levels the declared hierarchy of classes has; 1 or less: there is nothing to roll up. */
export function useLevels(dataset: string) {
  return useQuery({
    queryKey: ["ontology", dataset],
    staleTime: 60_000,
    queryFn: async () => {
      const { ontology } = answered(
        await api.GET("/v1/datasets/{dataset}/ontology", { params: { path: { dataset } } }),
      );
      const parents = new Map((ontology.classes ?? []).map((one) => [one.name, one.parent ?? null]));
      const depth = (name: string): number => {
        const parent = parents.get(name) ?? null;
        return parent === null ? 1 : 1 + depth(parent);
      };
      return [...parents.keys()].reduce((most, name) => Math.max(most, depth(name)), 0);
    },
  });
}

/** What values a key of metadata has: the range of numbers, or else the words in a sample of rows. */
export function useMetadataValues(subject: Subject | null, key: string | null) {
  return useQuery({
    queryKey: ["metadata-values", subject, key],
    enabled: subject !== null && key !== null,
    staleTime: 60_000,
    queryFn: async () => {
      const path = subject as Subject;
      const name = key as string;
      const numbers = answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/distribution", {
          params: { path, query: { metric: `metadata.${name}`, bins: 1 } },
        }),
      );
      const [low, high] = [numbers.edges[0], numbers.edges.at(-1)];
      if (numbers.total > 0 && low !== undefined && high !== undefined) return { range: [low, high], words: [] };
      const sample = answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/rows", { params: { path, query: { limit: 60 } } }),
      );
      const words = new Set(sample.rows.map((row) => row.metadata[name]).filter((word) => word !== undefined));
      return { range: null, words: [...words].sort() };
    },
  });
}

/** The intervals of the headline figures, and with a second run those of their differences. */
export function useIntervals(subject: Subject | null, versus: Subject | null, view: View, enabled: boolean) {
  const query = {
    ...filterOf(view),
    group: ["counts" as const, "average_precision" as const],
    ...(versus ? { versus: versus.run } : {}),
  };
  return useQuery({
    queryKey: ["intervals", subject, query],
    enabled: subject !== null && enabled,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/intervals", {
          params: { path: subject as Subject, query },
          signal,
        }),
      ),
  });
}

/** Confidence thresholds for a recall or a precision that is wanted at least. */
export function useThresholds(
  subject: Subject | null,
  view: View,
  least: { precision: number; recall: number },
  enabled: boolean,
) {
  const query = { ...filterOf(view), confidence: 0, per_class: false, ...least };
  return useQuery({
    queryKey: ["thresholds", subject, query],
    enabled: subject !== null && enabled,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/thresholds", {
          params: { path: subject as Subject, query },
          signal,
        }),
      ).overall,
  });
}

export function useRocCurve(subject: Subject | null, view: View, enabled: boolean) {
  const query = { ...filterOf(view), confidence: 0, max_points: 500 };
  return useQuery({
    queryKey: ["roc-curve", subject, query],
    enabled: subject !== null && enabled,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/roc-curve", {
          params: { path: subject as Subject, query },
          signal,
        }),
      ),
  });
}

export function useCalibration(subject: Subject | null, view: View, enabled: boolean) {
  const query = { ...filterOf(view), confidence: 0, bins: 10 };
  return useQuery({
    queryKey: ["calibration", subject, query],
    enabled: subject !== null && enabled,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/calibration", {
          params: { path: subject as Subject, query },
          signal,
        }),
      ),
  });
}

/** Match the rows that failed anew; then everything that is shown may have changed. */
export function useRetry(dataset: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      const reply = await api.POST("/v1/reconcile", { body: { dataset, which: "failed" }, parseAs: "text" });
      const lines = answered<string>(reply as { data?: string; error?: unknown; response: Response });
      const failure = lines
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as { error?: string })
        .find((line) => line.error !== undefined);
      if (failure) throw new Error(failure.error);
    },
    onSettled: () => queries.invalidateQueries(),
  });
}

export function useClasses(subject: Subject | null, view: View) {
  const query = filterOf(view);
  return useQuery({
    queryKey: ["classes", subject, query],
    enabled: subject !== null,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/classes", {
          params: { path: subject as Subject, query },
          signal,
        }),
      ).classes,
  });
}

/** The curve from confidence 0 up: the present threshold is a dot on it, and no reason to cut it short. */
export function usePrCurve(subject: Subject | null, view: View, perClass: boolean, labels: string[] = []) {
  const query = { ...filterOf(view), confidence: 0, per_class: perClass, max_points: 500, label: labels };
  return useQuery({
    queryKey: ["pr-curve", subject, query],
    enabled: subject !== null,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/pr-curve", {
          params: { path: subject as Subject, query },
          signal,
        }),
      ).curves,
  });
}

/** The curves of some labels of the run; none are asked for if there are none. */
export function useLabelled(subject: Subject | null, view: View, labels: string[]) {
  return usePrCurve(labels.length > 0 ? subject : null, view, true, labels);
}

export function useDistribution(subject: Subject | null, view: View, metric: string, bins: number) {
  const query = { ...filterOf(view), metric, bins };
  return useQuery({
    queryKey: ["distribution", subject, query],
    enabled: subject !== null,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/distribution", {
          params: { path: subject as Subject, query },
          signal,
        }),
      ),
  });
}

export function useRows(subject: Subject | null, view: View) {
  const query = {
    ...filterOf(view),
    sort: view.sort as "data_row",
    descending: view.desc === "1",
    actual: view.actual,
    predicted: view.predicted,
    limit: PAGE,
  };
  return useInfiniteQuery({
    queryKey: ["rows", subject, query],
    enabled: subject !== null,
    placeholderData: keepPreviousData,
    initialPageParam: 0,
    queryFn: async ({ pageParam, signal }) =>
      // The client's types make a plain list of a pair of numbers; the schema knows better.
      answered(
        await api.GET("/v1/datasets/{dataset}/runs/{run}/rows", {
          params: { path: subject as Subject, query: { ...query, offset: pageParam } },
          signal,
        }),
      ) as Rows,
    getNextPageParam: (last, pages) => {
      const seen = pages.reduce((sum, page) => sum + page.rows.length, 0);
      return seen < last.total ? seen : undefined;
    },
  });
}
