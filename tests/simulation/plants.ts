import { readFileSync } from 'node:fs'
import { CANDLE_PLANTS } from './candle-plants.js'
import type { Profile } from './scenario.js'
import { STORE_PLANTS } from './store-plants.js'

/** Where a mistake is put into the source: the text must be there exactly once. */
interface Edit {
  readonly file: string
  readonly find: string
  readonly put: string
}

/** A mistake that the simulation has to find. */
export interface Plant {
  readonly name: string
  /** Where it shows soonest. */
  readonly profile: Profile
  /** The one that found it last; another one does when much has changed. */
  readonly seed: number
  readonly edits: readonly Edit[]
}

const COMMIT_BATCH = 'packages/pipeline/src/worker/commit-batch.ts'
const CATALOG = 'packages/iceberg/src/catalog/file-system-catalog.ts'
const GOLD = 'packages/medallion/src/gold/gold-stage.ts'
const OUTBOX = 'packages/iceberg/src/outbox/outbox.ts'
const LOG = 'packages/event-log/src/file'

export const PLANTS: readonly Plant[] = [
  {
    name: 'commit-without-demand',
    profile: 'contention',
    seed: 1,
    edits: [
      {
        file: COMMIT_BATCH,
        find: 'if (broken) return',
        put: 'if (broken === undefined) {} else if (broken.length === 0) return',
      },
    ],
  },
  {
    name: 'commit-ignores-conflict',
    profile: 'contention',
    seed: 1,
    edits: [{ file: CATALOG, find: "if (put === 'taken') return { kind: 'conflict' }", put: '' }],
  },
  {
    name: 'lost-answer-is-a-conflict',
    profile: 'outages',
    seed: 14,
    edits: [
      {
        file: CATALOG,
        find: "return bytes.equals(found) ? 'ours' : 'taken'",
        put: "return 'taken'",
      },
    ],
  },
  {
    name: 'published-twice',
    profile: 'contention',
    seed: 2,
    edits: [
      {
        file: OUTBOX,
        find: "if ((numbers.get(mainUuid) ?? 0) >= entry.sequence) return { kind: 'refuse', reason: 'already' }",
        put: '',
      },
    ],
  },
  {
    name: 'sequence-moves-before-the-end',
    profile: 'contention',
    seed: 2,
    edits: [
      {
        file: 'packages/pipeline/src/source/lane-plan.ts',
        find: 'range.upper === range.upstream ? pinnedSequence : range.sequence',
        put: 'pinnedSequence',
      },
      // A sequence that upstream's history does not bear out would count for nothing.
      {
        file: 'packages/pipeline/src/source/table-source.ts',
        find: 'withTrustedSequences(upstream.definition, pinned, adopted)',
        put: 'adopted',
      },
    ],
  },
  {
    name: 'position-is-behind-the-last-row',
    profile: 'outages',
    seed: 7,
    edits: [
      {
        file: 'packages/pipeline/src/source/log-source.ts',
        find: 'if (!full && read.next > at) at = read.next',
        put: '',
      },
    ],
  },
  {
    name: 'lost-records-go-unnoticed',
    profile: 'log',
    seed: 5,
    edits: [
      {
        file: 'packages/pipeline/src/source/log-lanes.ts',
        find: 'const position = own?.position ?? START',
        put: 'const position = (own?.position ?? START) < status.start ? status.start : (own?.position ?? START)',
      },
    ],
  },
  {
    name: 'compaction-drops-a-file',
    profile: 'foreign',
    seed: 1,
    edits: [
      {
        file: 'packages/pipeline/src/worker/maintenance.ts',
        find: 'table.copyRows(session, { table, version, files: task.files })',
        put: 'table.copyRows(session, { table, version, files: task.files.slice(1) })',
      },
    ],
  },
  {
    name: 'clean-up-without-grace',
    profile: 'frozen_writers',
    seed: 2,
    edits: [
      {
        file: 'packages/iceberg/src/commit/expired-files.ts',
        find: 'return elapsed_ms !== undefined && isOld(elapsed_ms, now_ms, grace_ms)',
        put: 'return elapsed_ms !== undefined && isOld(elapsed_ms, now_ms, 0)',
      },
    ],
  },
  {
    name: 'replay-ignores-earlier-resolutions',
    profile: 'rules',
    seed: 3,
    edits: [
      {
        file: 'packages/medallion/src/silver/dead-letter-filter.ts',
        find: "HAVING bool_or(resolution = 'replayed')",
        put: 'HAVING false',
      },
      {
        file: 'packages/medallion/src/dead-letters/select-dead-letters.ts',
        find: 'ANTI JOIN ($' + '{await replayedSql(tables.silver, silver)}) USING ($' + '{DEAD_LETTER})',
        put: '',
      },
    ],
  },
  {
    name: 'keys-forgotten-at-restart',
    profile: 'contention',
    seed: 3,
    edits: [
      {
        file: 'packages/medallion/src/gold/current-keys.ts',
        find: 'for (let i = 0; i < files.length; i += FILES_AT_ONCE) {',
        put: 'for (let i = FILES_AT_ONCE; i < files.length; i += FILES_AT_ONCE) {',
      },
    ],
  },
  {
    name: 'plan-believes-missing-file-order',
    profile: 'foreign',
    seed: 7,
    edits: [
      {
        file: 'packages/iceberg/src/plan/plan-files.ts',
        find: 'if ((resolved.fileSequenceNumber ?? Number.POSITIVE_INFINITY) <= afterFileSequence) continue',
        put: 'if (manifest.minSequenceNumber <= afterFileSequence) continue',
      },
    ],
  },
  {
    name: 'keys-merged-before-the-commit',
    profile: 'contention',
    seed: 14,
    edits: [
      {
        file: GOLD,
        find: 'const files = await writeNew(',
        put: 'state.keys.merge(result.staged)\n      const files = await writeNew(',
      },
      {
        file: GOLD,
        find: '    forget: () => {\n      loaded = undefined\n      recent.forget()\n    },',
        put: '    forget: () => undefined,',
      },
    ],
  },
  {
    name: 'rollback-unnoticed',
    profile: 'rollback',
    seed: 2,
    edits: [
      {
        file: 'packages/pipeline/src/table/rollback.ts',
        find: "if (state === 'present') return pinned",
        put: "if (state !== 'unknown') return pinned",
      },
      {
        file: COMMIT_BATCH,
        find: "if (rollbackState(base, current) === 'rolled_back') return { kind: 'refuse', reason: 'rolled_back' }",
        put: '',
      },
    ],
  },
  {
    name: 'base-not-looked-at-after-put',
    profile: 'frozen_writers',
    seed: 11,
    edits: [
      {
        file: CATALOG,
        find: '!there || isAnother(there, this.#bytes.get(base), base)',
        put: 'false',
      },
    ],
  },
  {
    name: 'commit-without-its-base-never-counts',
    profile: 'frozen_writers',
    seed: 3,
    edits: [
      {
        file: CATALOG,
        find: 'const above = await this.#nextAbove(name, files, number)',
        put: 'const above = undefined',
      },
    ],
  },
  {
    name: 'files-deleted-though-outcome-unknown',
    profile: 'outages',
    seed: 9,
    edits: [
      {
        file: 'packages/iceberg/src/commit/commit.ts',
        find: "new Set(['paused', 'commit_contention', 'table_moved'])",
        put: "new Set(['paused', 'commit_contention', 'table_moved', 'commit_outcome_unknown'])",
      },
    ],
  },
  {
    name: 'compaction-of-files-that-are-gone',
    profile: 'foreign',
    seed: 11,
    edits: [
      {
        file: 'packages/iceberg/src/commit/draft.ts',
        find: "if (without.missing.length > 0) return { kind: 'refuse', reason: 'removed_files_gone', detail: without.missing }",
        put: '',
      },
    ],
  },
  {
    name: 'keys-not-brought-up-to-date',
    profile: 'gold_standby',
    seed: 9,
    edits: [
      {
        file: 'packages/medallion/src/gold/current-keys.ts',
        find: 'if (inMemory && inMemory.sequence >= (checkpoint.snapshot?.sequence ?? 0)) return inMemory',
        put: 'if (inMemory) return inMemory',
      },
    ],
  },
  {
    name: 'gold-demands-its-lanes-only',
    profile: 'gold_standby',
    seed: 182,
    edits: [{ file: GOLD, find: 'wholeCheckpoint: true', put: 'wholeCheckpoint: false' }],
  },
  {
    name: 'end-mark-not-looked-at',
    profile: 'storage',
    seed: 2,
    edits: [
      {
        file: `${LOG}/lane-tail.ts`,
        find: 'const lost = mark ? lostBelow(mark, newest, this.#options.folder) : await',
        put: 'const lost = mark ? undefined : await',
      },
      {
        file: `${LOG}/lane-tail.ts`,
        find: 'const ends = [newest?.next ?? 0n, mark?.next ?? 0n, lost?.to ?? 0n]',
        put: 'const ends = [newest?.next ?? 0n, lost?.to ?? 0n]',
      },
    ],
  },
  {
    name: 'end-mark-not-written',
    profile: 'storage',
    seed: 2,
    edits: [{ file: `${LOG}/lane-writer.ts`, find: '    await file.write(mark)\n', put: '' }],
  },
  {
    name: 'end-mark-before-the-records',
    profile: 'storage',
    seed: 4,
    edits: [
      {
        file: `${LOG}/lane-writer.ts`,
        find: 'await writeBytes(handle, newest.byte, group)',
        put: `const early = batches.reduce((sum, { rows }) => sum + rows.length, 0)
    await mark.write({ segment: newest.file.base, byte: newest.byte + group.length, next: newest.next + BigInt(early), start: view.start })
    await writeBytes(handle, newest.byte, group)`,
      },
    ],
  },
  {
    name: 'producers-write-over-damage',
    profile: 'storage',
    seed: 2,
    edits: [
      { file: `${LOG}/lane-writer.ts`, find: '    if (view.lost) {', put: '    if (view.lost && view.lost.to < 0n) {' },
    ],
  },
  {
    name: 'offsets-restart-behind-damage',
    profile: 'storage',
    seed: 6,
    edits: [
      {
        file: `${LOG}/lane-writer.ts`,
        find: 'const file = await createSegment(files, folder, view.end)',
        put: 'const file = await createSegment(files, folder, lost.from + 1n)',
      },
      {
        file: `${LOG}/lane-writer.ts`,
        find: 'byte: 0, next: view.end, start })\n      } else',
        put: 'byte: 0, next: lost.from + 1n, start })\n      } else',
      },
    ],
  },
  {
    name: 'bodies-are-believed',
    profile: 'storage',
    seed: 22,
    edits: [
      {
        file: 'packages/event-log/src/batch-format.ts',
        find: 'crc32(buffer.subarray(at + HEADER_BYTES, at + header.total_bytes)) === header.bodyCrc',
        put: 'header.bodyCrc >= 0',
      },
    ],
  },
  {
    name: 'damage-is-skipped-in-silence',
    profile: 'storage',
    seed: 2,
    edits: [
      {
        file: 'packages/pipeline/src/source/log-source.ts',
        find: 'const to = error instanceof LogDamageError ? error.to : position(from + 1n)',
        put: `if (error instanceof LogDamageError) return { kind: 'records', batches: [], next: error.to, end: error.to }
    const to = position(from + 1n)`,
      },
    ],
  },
  {
    name: 'a-damaged-topic-is-given-up',
    profile: 'storage',
    seed: 6,
    edits: [
      {
        file: `${LOG}/topic-file.ts`,
        find: 'if (marked) return { ...marked, mark: `$' + '{mark} $' + '{marked.topicId}`, isDescribed: false }',
        put: '',
      },
    ],
  },
  ...CANDLE_PLANTS,
  ...STORE_PLANTS,
]

/** The source of each file with the mistake in it; a text that is not there exactly once is an error. */
export function planted({ edits }: Plant, root: string): (code: string, path: string) => string {
  for (const { file, find } of edits) {
    // Looked for here: a file that is loaded by nobody is never asked for, and the mistake would not be planted.
    const text = readFileSync(`${root}/${file}`, 'utf8')
    if (text.split(find).length !== 2) throw new Error(`${file} does not hold "${find}" exactly once`)
  }
  return (code, path) =>
    edits
      .filter(({ file }) => path === `${root}/${file}`)
      .reduce((text, { find, put }) => text.replace(find, () => put), code)
}
