import { AssayError } from '@assay/core'

/** Folder of a local store that holds unfinished files; no key may start with it. */
export const SCRATCH_FOLDER = '.scratch'

const MAX_KEY_LENGTH = 1024
const MAX_PART_LENGTH = 255
// A backslash is a separator on some machines; control characters and lone surrogates don't survive every store.
const FORBIDDEN = /[\\\p{Cc}\p{Cs}]/u

/**
 * Throws `bad_key` unless the key is relative, at most 1024 bytes of UTF-8 in parts of 1 to 255 bytes, without
 * `.` and `..` parts, backslashes, control characters and lone surrogates, and outside `.scratch/`.
 */
export function checkKey(key: string): void {
  if (key === '') throw badKey(key, 'is empty')
  checkText(key)
  for (const part of key.split('/')) checkPart(key, part)
}

/** Throws `bad_key` when no valid key can start with this prefix. The empty prefix is the whole store. */
export function checkPrefix(prefix: string): void {
  checkText(prefix)
  for (const part of prefix.split('/').slice(0, -1)) checkPart(prefix, part)
}

/** Compares two keys in the order of listings. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function checkText(key: string): void {
  if (Buffer.byteLength(key) > MAX_KEY_LENGTH) throw badKey(key, `is longer than ${MAX_KEY_LENGTH} bytes`)
  if (FORBIDDEN.test(key)) throw badKey(key, 'holds a backslash, a control character or a lone surrogate')
  if (key === SCRATCH_FOLDER || key.startsWith(`${SCRATCH_FOLDER}/`)) throw badKey(key, 'is in the scratch folder')
}

function checkPart(key: string, part: string): void {
  if (part === '') throw badKey(key, 'is absolute or has an empty part')
  if (part === '.' || part === '..') throw badKey(key, `has a part "${part}"`)
  if (Buffer.byteLength(part) > MAX_PART_LENGTH) throw badKey(key, `has a part longer than ${MAX_PART_LENGTH} bytes`)
}

function badKey(key: string, problem: string): AssayError {
  return new AssayError('bad_key', `the object key ${JSON.stringify(key.slice(0, 200))} ${problem}`, {
    hint: 'keys are relative paths such as tables/market_data/gold/metadata/v1.metadata.json',
  })
}
