import { isRetryable } from '@assay/core'
import type { ObjectStore } from '@assay/object-store'

const HINT_DIGITS_MAX = 15

/** Keys of one table's metadata files on a file-system catalog: `metadata/vN.metadata.json` and the hint. */
export class VersionFiles {
  readonly folder: string
  readonly #store: ObjectStore

  constructor(store: ObjectStore, tableKey: string) {
    this.#store = store
    this.folder = `${tableKey}/metadata/`
  }

  key(version: number): string {
    return `${this.folder}v${version}.metadata.json`
  }

  get #hintKey(): string {
    return `${this.folder}version-hint.text`
  }

  /** Versions that are there, ascending. */
  async list(): Promise<readonly number[]> {
    const versions: number[] = []
    for await (const { key } of this.#store.list(`${this.folder}v`)) {
      const match = /^v(\d{1,15})\.metadata\.json$/.exec(key.slice(this.folder.length))
      if (match) versions.push(Number(match[1]))
    }
    return versions.sort((a, b) => a - b)
  }

  /** The hinted version, or undefined without a readable hint. */
  async hint(): Promise<number | undefined> {
    const bytes = await this.#store.get(this.#hintKey)
    const text = bytes && Buffer.from(bytes).toString('latin1').trim()
    return text && text.length <= HINT_DIGITS_MAX && /^\d+$/.test(text) ? Number(text) : undefined
  }

  /** Raises the hint; it saves time only, so an outage is no reason to fail. */
  async raiseHint(version: number): Promise<void> {
    try {
      const hinted = await this.hint()
      if (hinted !== undefined && hinted >= version) return
      await this.#store.put(this.#hintKey, Buffer.from(String(version), 'latin1'))
    } catch (error) {
      if (!isRetryable(error)) throw error
    }
  }
}
