import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

// The page goes into the package that serves it; nothing of it is kept in the repository. While it is being worked on,
// questions go to the service that EVALSTREAM_URL names.
export default defineConfig(({ mode }) => {
  const service = loadEnv(mode, ".", "EVALSTREAM_").EVALSTREAM_URL ?? "http://127.0.0.1:8000";
  return {
    plugins: [react()],
    base: "./",
    build: { outDir: "../services/evalstream_query/static", emptyOutDir: true, chunkSizeWarningLimit: 2000 },
    server: { proxy: { "/v1": service, "/media": service } },
  };
});
