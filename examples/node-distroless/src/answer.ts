import { MOST_LETTERS, draw } from "./drawing.js";

export interface Answer {
  status: number;
  type: string;
  body: string;
}

/** What the service answers to a GET of a path with its query. */
export function answer(address: string): Answer {
  const { pathname, searchParams } = new URL(address, "http://localhost");
  if (pathname === "/health") return plain(200, "ok");
  if (pathname !== "/qr.svg") return plain(404, "try /qr.svg?text=hello");

  const text = searchParams.get("text") ?? "";
  if (text === "") return plain(400, "text is missing");
  if (text.length > MOST_LETTERS) return plain(413, `text has more than ${MOST_LETTERS} letters`);
  return { status: 200, type: "image/svg+xml", body: draw(text) };
}

function plain(status: number, text: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body: `${text}\n` };
}
