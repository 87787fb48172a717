import assert from "node:assert/strict";
import { test } from "node:test";
import { answer } from "../src/answer.js";

test("a text becomes a picture", () => {
  const { status, type, body } = answer("/qr.svg?text=https%3A%2F%2Fexample.com");
  assert.deepEqual([status, type], [200, "image/svg+xml"]);
  assert.ok(body.startsWith("<svg "));
});

test("a text that is missing or too long is refused", () => {
  assert.equal(answer("/qr.svg").status, 400);
  assert.equal(answer(`/qr.svg?text=${"x".repeat(1001)}`).status, 413);
});

test("the longest text is drawn, also beyond ASCII", () => {
  const text = encodeURIComponent("ü".repeat(1000));
  assert.equal(answer(`/qr.svg?text=${text}`).status, 200);
});

test("other paths are not found", () => {
  assert.equal(answer("/").status, 404);
  assert.equal(answer("/health").status, 200);
});
