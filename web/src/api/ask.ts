import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { answered, api } from "./client";
import type { Subject } from "./questions";
import type { paths } from "./schema";

/** Questions about one run, by the last part of their address. */
export type Question =
  | "classes"
  | "classifications"
  | "comparison"
  | "comparison/objects"
  | "custom-metrics"
  | "distribution"
  | "entities"
  | "errors"
  | "keypoints"
  | "measures"
  | "objects"
  | "pr-curve"
  | "regression"
  | "rows"
  | "segmentation"
  | "texts";

type Get<Q extends Question> = paths[`/v1/datasets/{dataset}/runs/{run}/${Q}`]["get"];
export type QueryOf<Q extends Question> = NonNullable<Get<Q>["parameters"]["query"]>;
export type AnswerOf<Q extends Question> = Get<Q>["responses"][200]["content"]["application/json"];

/** Ask a question about a run; what is no longer wanted is not waited for. */
export async function ask<Q extends Question>(
  question: Q,
  subject: Subject,
  query: QueryOf<Q>,
  signal?: AbortSignal,
): Promise<AnswerOf<Q>> {
  const reply = await api.GET(`/v1/datasets/{dataset}/runs/{run}/${question as "summary"}`, {
    params: { path: subject, query },
    signal: signal ?? null,
  });
  return answered(reply) as unknown as AnswerOf<Q>;
}

/** The options of such a question, for one or for many at once. */
export function asking<Q extends Question>(question: Q, subject: Subject | null, query: QueryOf<Q>) {
  return {
    queryKey: [question, subject, query],
    enabled: subject !== null,
    queryFn: ({ signal }: { signal: AbortSignal }) => ask(question, subject as Subject, query, signal),
  };
}

/** Ask, and keep showing the last answer until the next one is there. */
export function useQuestion<Q extends Question>(question: Q, subject: Subject | null, query: QueryOf<Q>) {
  return useQuery({ ...asking(question, subject, query), placeholderData: keepPreviousData });
}
