import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Notes } from "./notes.js";

test("only Markdown files of the folder itself are notes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "notes-"));
  try {
    await writeFile(join(folder, "a.md"), "# A\n");
    await writeFile(join(folder, "b.txt"), "b\n");
    const notes = new Notes(folder);
    assert.deepEqual(await notes.list(), ["a.md"]);
    assert.equal(await notes.read("a.md"), "# A\n");
    assert.equal(await notes.read("b.txt"), undefined);
    assert.equal(await notes.read("../a.md"), undefined);
  } finally {
    await rm(folder, { recursive: true });
  }
});
