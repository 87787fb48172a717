import { nanoid } from "nanoid";

export interface Link {
  code: string;
  url: string;
  visits: number;
}

/** Links by their code, kept in memory. */
export class Links {
  readonly #byCode = new Map<string, Link>();

  /** Stores a link; the code is random unless one is asked for. Undefined where that code is taken. */
  add(url: string, code: string = nanoid(8)): Link | undefined {
    if (this.#byCode.has(code)) return undefined;
    const link = { code, url, visits: 0 };
    this.#byCode.set(code, link);
    return link;
  }

  find(code: string): Link | undefined {
    return this.#byCode.get(code);
  }

  /** The address behind a code; counts the visit. */
  visit(code: string): string | undefined {
    const link = this.#byCode.get(code);
    if (link === undefined) return undefined;
    link.visits += 1;
    return link.url;
  }
}

/** Only web addresses may be shortened. */
export function isWebAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol } = new URL(text);
  return protocol === "http:" || protocol === "https:";
}
