import { createServer } from "node:http";
import { answer } from "./answer.js";

const releases = (process.env.RELEASES ?? "1.0.0 1.1.0 2.0.0").split(/\s+/);
const port = Number(process.env.PORT ?? 3000);

const server = createServer((request, response) => {
  const { status, body } = answer(new URL(request.url ?? "/", "http://localhost"), releases);
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
});

server.listen(port, () => console.log(`latest-release on port ${port}`));
process.on("SIGTERM", () => server.close());
