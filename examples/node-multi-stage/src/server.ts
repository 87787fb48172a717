import { serve } from "@hono/node-server";
import { createApp } from "./app.js";
import { Links } from "./links.js";

const port = Number(process.env.PORT ?? 3000);
const server = serve({ fetch: createApp(new Links()).fetch, port }, (info) => {
  console.log(`short links on port ${info.port}`);
});

process.on("SIGTERM", () => server.close());
