import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answered, api } from "./client";
import { type Doomed, without } from "../lib/deletion";
import type { Datasets, Deleted } from "./schema";

async function remove({ dataset, run }: Doomed, dry_run: boolean, signal?: AbortSignal): Promise<Deleted> {
  const more = { query: { dry_run }, signal: signal ?? null };
  if (run === null)
    return answered(await api.DELETE("/v1/datasets/{dataset}", { params: { path: { dataset }, ...more } }));
  return answered(
    await api.DELETE("/v1/datasets/{dataset}/runs/{run}", { params: { path: { dataset, run }, ...more } }),
  );
}

/** How much would be lost, as it is now. */
export function useLoss(doomed: Doomed | null) {
  return useQuery({
    queryKey: ["loss", doomed],
    enabled: doomed !== null,
    staleTime: 0,
    gcTime: 0,
    retry: false,
    queryFn: ({ signal }) => remove(doomed as Doomed, true, signal),
  });
}

/** Delete; then nothing of it is offered any more. */
export function useDeletion(gone: (deleted: Doomed) => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (doomed: Doomed) => remove(doomed, false),
    onSuccess: (_, doomed) => {
      queries.setQueryData<Datasets>(["datasets"], (before) => before && without(before, doomed));
      gone(doomed);
      void queries.invalidateQueries({ queryKey: ["datasets"] });
    },
  });
}
