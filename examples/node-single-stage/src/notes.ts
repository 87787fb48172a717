import { readFile, readdir } from "node:fs/promises";
import { basename, join } from "node:path";

/** The Markdown files directly inside one folder. */
export class Notes {
  constructor(private readonly folder: string) {}

  async list(): Promise<string[]> {
    const names = await readdir(this.folder);
    return names.filter((name) => name.endsWith(".md"));
  }

  /** The text of a note, or undefined where there is no such note in the folder itself. */
  async read(name: string): Promise<string | undefined> {
    if (basename(name) !== name || !(await this.list()).includes(name)) return undefined;
    return readFile(join(this.folder, name), "utf8");
  }
}
