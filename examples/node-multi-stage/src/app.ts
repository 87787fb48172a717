import { Hono } from "hono";
import { type Links, isWebAddress } from "./links.js";

export function createApp(links: Links): Hono {
  const app = new Hono();

  app.get("/health", (context) => context.text("ok"));

  app.post("/links", async (context) => {
    const body: unknown = await context.req.json().catch(() => undefined);
    const { url, code } = (body ?? {}) as { url?: unknown; code?: unknown };
    if (typeof url !== "string" || !isWebAddress(url)) return context.json({ error: "url must be a web address" }, 400);
    if (code !== undefined && (typeof code !== "string" || !/^[\w-]{1,32}$/.test(code)))
      return context.json({ error: "code must be 1 to 32 letters, digits, _ or -" }, 400);
    const link = links.add(url, code);
    return link === undefined ? context.json({ error: "code is taken" }, 409) : context.json(link, 201);
  });

  app.get("/links/:code", (context) => {
    const link = links.find(context.req.param("code"));
    return link === undefined ? context.notFound() : context.json(link);
  });

  app.get("/:code", (context) => {
    const url = links.visit(context.req.param("code"));
    return url === undefined ? context.notFound() : context.redirect(url);
  });

  return app;
}
