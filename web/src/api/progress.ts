import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Subject } from "./ask";
import { answered, api } from "./client";

/** How often what may still change is asked anew, in milliseconds. */
const REFRESH = 2_000;

/** How many rows of a run are matched, pending and failed. */
export function useProgress(subject: Subject | null) {
  return useQuery({
    queryKey: ["progress", subject],
    enabled: subject !== null,
    queryFn: async () =>
      answered(await api.GET("/v1/datasets/{dataset}/runs/{run}/progress", { params: { path: subject as Subject } })),
    refetchInterval: REFRESH,
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
