import qrcode from "qrcode-generator";

/** Light modules around the code; scanners need four. */
const MARGIN = 4;

/** The longest text that is drawn; well below what the largest code can hold. */
export const MOST_LETTERS = 1000;

/** A QR code as an SVG picture, one unit to a module. */
export function draw(text: string): string {
  const code = qrcode(0, "M");
  // The library takes each letter for one byte.
  code.addData(Buffer.from(text).toString("latin1"), "Byte");
  code.make();

  const modules = [...Array(code.getModuleCount()).keys()];
  const size = modules.length + 2 * MARGIN;
  const dark = modules
    .flatMap((row) => modules.filter((column) => code.isDark(row, column)).map((column) => [column, row] as const))
    .map(([x, y]) => `M${x + MARGIN} ${y + MARGIN}h1v1h-1z`)
    .join("");
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">` +
    `<rect width="${size}" height="${size}" fill="#fff"/><path d="${dark}"/></svg>\n`
  );
}
