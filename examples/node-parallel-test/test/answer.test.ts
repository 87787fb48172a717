import assert from "node:assert/strict";
import { test } from "node:test";
import { answer } from "../src/answer.js";

const RELEASES = ["1.0.0", "1.1.0", "2.0.0"];
const ask = (path: string) => answer(new URL(path, "http://localhost"), RELEASES);

test("without a range each major version is listed", () => {
  assert.deepEqual(ask("/"), { status: 200, body: { releases: ["2.0.0", "1.1.0"] } });
});

test("a range names one release", () => {
  assert.deepEqual(ask("/?range=%5E1.0.0"), { status: 200, body: { release: "1.1.0" } });
});

test("a bad range and a missing release are told apart", () => {
  assert.equal(ask("/?range=newest%20please").status, 400);
  assert.equal(ask("/?range=9").status, 404);
});

test("other paths are not found", () => {
  assert.equal(ask("/favicon.ico").status, 404);
});
