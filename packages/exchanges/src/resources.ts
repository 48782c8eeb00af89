import { readFileSync } from 'node:fs'

/**
 * A file of an exchange's folder, by its path below `src`. The compiler copies only code, so schemas and
 * samples are read where they are kept; `../src` leads there from `src` and from `dist` alike.
 */
export function resource(path: string): URL {
  return new URL(`../src/${path}`, import.meta.url)
}

export function resourceText(path: string): string {
  return readFileSync(resource(path), 'utf8')
}
