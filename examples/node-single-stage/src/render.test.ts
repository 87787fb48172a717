import assert from "node:assert/strict";
import { test } from "node:test";
import { escapeHtml, renderIndex, renderNote, titleOf } from "./render.js";

test("the first heading is the title", () => {
  assert.equal(titleOf("intro\n\n## Plans\n", "a.md"), "Plans");
});

test("a note without a heading is called after its file", () => {
  assert.equal(titleOf("only text\n", "todo.md"), "todo");
});

test("Markdown becomes HTML below an escaped title", async () => {
  const html = await renderNote("# A & B\n\n*yes*\n", "a.md");
  assert.match(html, /<title>A &amp; B<\/title>/);
  assert.match(html, /<em>yes<\/em>/);
});

test("the index is sorted and escaped", () => {
  const html = renderIndex(["b.md", "<a>.md"]);
  assert.ok(html.indexOf("&lt;a&gt;.md") < html.indexOf("b.md"));
  assert.ok(!html.includes("<a>.md"));
});

test("quotes are escaped", () => {
  assert.equal(escapeHtml('"'), "&quot;");
});
