import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { NuqsAdapter } from "nuqs/adapters/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { App } from "./App";
import { NoAnswer } from "./lib/queue";
import { bringBackTheme } from "./lib/theme";
import "./styles/base.css";

bringBackTheme();

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // What was refused will be refused again. A service that is away is asked until it is back: so long the last figures
      // stay on the page.
      retry: (failures, error) =>
        error instanceof NoAnswer || (failures < 1 && !(error instanceof ApiError && error.status < 500)),
      retryDelay: 2_000,
      // A service on this machine answers without a network too.
      networkMode: "always",
      refetchOnWindowFocus: false,
    },
  },
});

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <NuqsAdapter>
        <App />
      </NuqsAdapter>
    </QueryClientProvider>
  </StrictMode>,
);
