import { AssayError } from '@assay/core'
import { plain } from '../catalog/paths.js'

/**
 * Paths under the old location of a lake's tables as paths under the new one. Tables lie side by side, so a path of one
 * table that another names (a pending manifest) moves the same way.
 */
export class Relocation {
  /** Folder of the tables as metadata named it, and as it is now; without a slash at the end. */
  readonly from: string
  readonly to: string
  /** Key of the folder of the tables. */
  readonly #prefix: string

  /** Of a table that metadata places in `location`, whose folder has the key `tableKey` and lies in `found`. */
  constructor(location: string, found: string, tableKey: string) {
    const [from, name] = splitLast(plain(location).replace(/\/+$/, ''))
    const [to, nameFound] = splitLast(found)
    const [prefix] = splitLast(tableKey)
    if (name !== nameFound) {
      throw new AssayError('not_relocatable', `${location} does not end in ${nameFound}, as its folder does`, {
        hint: 'a table that another engine placed by itself is moved by that engine',
      })
    }
    this.from = from
    this.to = to
    this.#prefix = prefix
  }

  /** Throws `path_outside_table` for a path that is neither in the old location nor in the new one. */
  path(path: string): string {
    const found = plain(path)
    for (const root of [this.from, this.to]) {
      if (found.startsWith(`${root}/`)) return `${this.to}${found.slice(root.length)}`
    }
    throw new AssayError('path_outside_table', `${path} lies neither in ${this.from} nor in ${this.to}`, {
      hint: 'tables whose files are spread over other locations cannot be relocated',
    })
  }

  /** The same, for texts that may speak of something else, which stays. */
  text(text: string): string {
    const found = plain(text)
    return found === this.from || found.startsWith(`${this.from}/`)
      ? `${this.to}${found.slice(this.from.length)}`
      : text
  }

  key(path: string): string {
    return `${this.#prefix}${this.path(path).slice(this.to.length)}`
  }

  /** A bound of file paths, which may be cut; undefined where it says nothing of the new location. */
  bound(bytes: Uint8Array | undefined): Uint8Array | undefined {
    const text = bytes && Buffer.from(bytes).toString('utf8')
    return text !== undefined && plain(text).startsWith(`${this.from}/`)
      ? Buffer.from(this.text(text), 'utf8')
      : undefined
  }
}

function splitLast(path: string): [string, string] {
  const at = path.lastIndexOf('/')
  return [path.slice(0, at), path.slice(at + 1)]
}
