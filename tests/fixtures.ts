/** Where the committed fixtures lie; `tests/tools/make_fixtures.py` makes them. */
import { fromFileUrl } from "@std/path";

/** The path of a fixture. */
export function fixture(name: string): string {
  return fromFileUrl(new URL(`./fixtures/${name}`, import.meta.url));
}
