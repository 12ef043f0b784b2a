import { keepPreviousData, useQuery } from "@tanstack/react-query";
import type { Subject } from "./ask";
import { answered, api } from "./client";
import type { ClassOfDataset, Datasets } from "./schema";

/** For how long what is declared, and hardly ever changes, is not asked anew, in milliseconds. */
const DECLARED = 60_000;

const DATASETS = {
  queryKey: ["datasets"],
  queryFn: async () => answered(await api.GET("/v1/datasets")),
  refetchInterval: 10_000,
};

export function useDatasets() {
  return useQuery({ ...DATASETS, select: ({ datasets }: Datasets) => datasets });
}

/** Whether the service deletes, and lets this key do it. */
export function useMayDelete(): boolean {
  return useQuery({ ...DATASETS, select: (answer: Datasets) => answer.may_delete }).data ?? false;
}

/** Classes of the dataset whose name contains a text, those used most first. */
export function useClassSearch(subject: Subject | null, search: string) {
  const query = { search, sort: "annotations" as const, descending: true, limit: 30 };
  return useQuery({
    queryKey: ["class-search", subject, query],
    enabled: subject !== null,
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

/** The options of the question what is declared of classes, such as their colours; for one or for many at once. */
export function askingDeclared(subject: Subject | null, names: string[]) {
  return {
    queryKey: ["dataset-classes", subject?.dataset, names],
    enabled: subject !== null && names.length > 0,
    staleTime: DECLARED,
    queryFn: async ({ signal }: { signal: AbortSignal }) => {
      const { dataset } = subject as Subject;
      const { classes } = answered(
        await api.GET("/v1/datasets/{dataset}/classes", {
          params: { path: { dataset }, query: { name: names } },
          signal,
        }),
      );
      // The client's types make a plain list of a pair of numbers; the schema knows better.
      return classes as ClassOfDataset[];
    },
  };
}

/** How many levels the declared hierarchy of classes has; 1 or less: there is nothing to roll up. */
export function useLevels(dataset: string) {
  return useQuery({
    queryKey: ["ontology", dataset],
    staleTime: DECLARED,
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
