import { createServer } from "node:http";
import { Notes } from "./notes.js";
import { renderIndex, renderNote } from "./render.js";

const notes = new Notes(process.env.NOTES_DIR ?? "notes");
const port = Number(process.env.PORT ?? 3000);

async function answer(path: string): Promise<{ status: number; body: string }> {
  let name: string;
  try {
    name = decodeURIComponent(path.slice(1));
  } catch {
    return { status: 400, body: "malformed address\n" };
  }
  if (name === "") return { status: 200, body: renderIndex(await notes.list()) };
  const markdown = await notes.read(name);
  if (markdown === undefined) return { status: 404, body: "no such note\n" };
  return { status: 200, body: await renderNote(markdown, name) };
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  answer(pathname)
    .catch((error: unknown) => {
      console.error(error);
      return { status: 500, body: "internal error\n" };
    })
    .then(({ status, body }) => {
      response.writeHead(status, { "content-type": "text/html; charset=utf-8" }).end(body);
    });
});

server.listen(port, () => console.log(`notes on port ${port}`));
process.on("SIGTERM", () => server.close());
