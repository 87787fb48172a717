import { createServer } from "node:http";
import { answer } from "./answer.js";

const port = Number(process.env.PORT ?? 3000);

const server = createServer((request, response) => {
  const { status, type, body } = answer(request.url ?? "/");
  response.writeHead(status, { "content-type": type }).end(body);
});

server.listen(port, () => console.log(`QR codes on port ${port}`));
process.on("SIGTERM", () => server.close());
