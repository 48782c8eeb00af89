import { type Finding, ok } from './finding.js'
import { bytes } from './words.js'

/** What of a lake takes space, and where it lies. */
export interface LakeSize {
  readonly total_bytes: number
  readonly kinds: readonly SizeOfKind[]
}

export interface SizeOfKind {
  /**
   * `rows`: data files that the newest snapshots name; `earlier_rows`: all other data files, which older snapshots name or
   * whose grace time runs.
   */
  readonly kind: 'rows' | 'earlier_rows' | 'metadata' | 'manifests' | 'keys' | 'log' | 'schemas' | 'scratch' | 'other'
  readonly files: number
  readonly size_bytes: number
}

const WORDS: Readonly<Record<SizeOfKind['kind'], string>> = {
  rows: 'rows in use',
  earlier_rows: 'rows of earlier snapshots',
  metadata: 'metadata files',
  manifests: 'manifests',
  keys: "gold's keys",
  log: 'log',
  schemas: 'schemas',
  scratch: 'scratch',
  other: 'other',
}

/** Kinds below this share of the whole are not named. */
const SHARE_NAMED = 0.01

export function judgeSize({ total_bytes, kinds }: LakeSize): Finding {
  const named = kinds
    .filter(({ size_bytes }) => size_bytes > SHARE_NAMED * total_bytes)
    .toSorted((a, b) => b.size_bytes - a.size_bytes)
    .map(({ kind, size_bytes }) => `${WORDS[kind]} ${bytes(size_bytes)}`)
  return ok('size', [bytes(total_bytes), named.join(', ')].filter((text) => text !== '').join(': '))
}
