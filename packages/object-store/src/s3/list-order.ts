import { AssayError } from '@assay/core'
import { compareKeys } from '../keys.js'
import type { ObjectEntry } from '../store.js'

const RUN_ENTRIES_MAX = 100_000
/** Characters that UTF-8 and UTF-16 sort differently against one another: U+E000 … U+FFFF and those above U+FFFF. */
const SORTED_DIFFERENTLY = /[\u{e000}-\u{10ffff}]/u

/**
 * Entries that come in order of the keys' UTF-8 bytes (as S3 lists them) in order of their UTF-16 code units. Two keys
 * stand the other way round only if they part at two such characters, and so does every key between them: sorting
 * each run of keys that hold one is enough, and a listing without them is passed on as it comes.
 */
export async function* inCodeUnitOrder(entries: AsyncIterable<ObjectEntry>): AsyncGenerator<ObjectEntry> {
  let run: ObjectEntry[] = []
  for await (const entry of entries) {
    if (SORTED_DIFFERENTLY.test(entry.key)) {
      if (run.length === RUN_ENTRIES_MAX) throw tooMany(entry.key)
      run.push(entry)
      continue
    }
    yield* sorted(run)
    run = []
    yield entry
  }
  yield* sorted(run)
}

function sorted(run: ObjectEntry[]): ObjectEntry[] {
  return run.sort((a, b) => compareKeys(a.key, b.key))
}

function tooMany(key: string): AssayError {
  return new AssayError('listing_too_large', `more than ${RUN_ENTRIES_MAX} keys in a row like ${key} can't be sorted`, {
    hint: 'list a narrower prefix; such characters are not in the names that Assay gives',
  })
}
