import { marked } from "marked";

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ESCAPES[char] ?? char);
}

/** The title of a note: its first heading, else the name of its file without the ending. */
export function titleOf(markdown: string, fileName: string): string {
  const heading = /^#+\s+(.+)$/m.exec(markdown);
  return heading?.[1]?.trim() ?? fileName.replace(/\.md$/, "");
}

export async function renderNote(markdown: string, fileName: string): Promise<string> {
  const body = await marked.parse(markdown);
  return page(titleOf(markdown, fileName), body);
}

export function renderIndex(fileNames: string[]): string {
  const items = [...fileNames]
    .sort()
    .map((name) => `<li><a href="/${encodeURIComponent(name)}">${escapeHtml(name)}</a></li>`);
  return page("Notes", `<ul>\n${items.join("\n")}\n</ul>`);
}

function page(title: string, body: string): string {
  return `<!doctype html>\n<meta charset="utf-8">\n<title>${escapeHtml(title)}</title>\n${body}\n`;
}
