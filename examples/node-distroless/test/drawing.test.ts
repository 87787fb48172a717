import assert from "node:assert/strict";
import { test } from "node:test";
import { draw } from "../src/drawing.js";

const sizeOf = (svg: string): number => Number(/viewBox="0 0 (\d+) /.exec(svg)?.[1]);

test("a short text fits the smallest code: 21 modules and the margin", () => {
  assert.equal(sizeOf(draw("hello")), 21 + 8);
});

test("a longer text takes a larger code", () => {
  assert.ok(sizeOf(draw("x".repeat(500))) > sizeOf(draw("hello")));
});

test("the three corners that scanners look for are dark", () => {
  const svg = draw("hello");
  for (const corner of ["M4 4h", "M24 4h", "M4 24h"]) assert.ok(svg.includes(corner), corner);
});

test("letters beyond ASCII are kept apart", () => {
  assert.notEqual(draw("ä"), draw("a"));
  assert.notEqual(draw("日本"), draw("本日"));
});
