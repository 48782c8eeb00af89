import type { Random } from '@assay/core'
import { decodeKeySet, encodeKeySet, KeySet, SYMBOL_KEY_SQL, type SymbolKeys } from '@assay/deduplication'
import { columnOf, type Session } from '@assay/engine'
import type { Checkpoint, LakeTable, PinnedTable } from '@assay/pipeline'
import { type ScanFile, scanSql } from '@assay/pipeline'
import { readSavedKeySet } from './key-set-state.js'

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)
/** Files read at once when the set is brought up to date. */
const FILES_AT_ONCE = 64
/** Commits after which the set is saved again. */
const COMMITS_BETWEEN_SAVES = 300

/** Gold's key set in memory, and the snapshot up to which it holds gold's rows. */
export interface LoadedKeys {
  readonly tableUuid: string
  readonly keys: KeySet
  sequence: number
  commitsSinceSave: number
}

/** Gold as it was pinned, and the checkpoint that its next commit builds on. */
interface KeyedTable {
  readonly gold: LakeTable
  readonly session: Session
  readonly pinned: PinnedTable
  readonly checkpoint: Checkpoint
  /** Memory that the key set may take. */
  readonly keySet_bytes: number
}

/**
 * The set as of the pinned snapshot: the one in memory as it is if nobody else has committed since, else
 * brought up to date by what later files hold. Without one in memory the one that the checkpoint names is
 * loaded, and without a usable one the set is built from all files (T19). Ids without a number are not in it.
 */
export async function currentKeys(
  known: LoadedKeys | undefined,
  { gold, session, pinned, checkpoint, keySet_bytes }: KeyedTable,
): Promise<LoadedKeys> {
  const inMemory = known?.tableUuid === pinned.uuid ? known : undefined
  if (inMemory && inMemory.sequence >= (checkpoint.snapshot?.sequence ?? 0)) return inMemory
  const base = inMemory ?? (await savedKeys(gold, pinned, checkpoint, keySet_bytes))
  const keys = base?.keys ?? new KeySet(keySet_bytes)
  const files = await gold.files(pinned, { afterFileSequence: base?.sequence ?? 0 })
  for (let i = 0; i < files.length; i += FILES_AT_ONCE) {
    await addFiles(gold, session, keys, files.slice(i, i + FILES_AT_ONCE))
  }
  const commitsSinceSave = base ? base.commitsSinceSave + files.length : COMMITS_BETWEEN_SAVES
  return { tableUuid: pinned.uuid, keys, sequence: pinned.sequence, commitsSinceSave }
}

async function savedKeys(
  gold: LakeTable,
  pinned: PinnedTable,
  checkpoint: Checkpoint,
  keySet_bytes: number,
): Promise<Omit<LoadedKeys, 'tableUuid'> | undefined> {
  const saved = readSavedKeySet(checkpoint)
  if (!saved || saved.sequence > pinned.sequence) return undefined
  const bytes = await gold.store.get(saved.path)
  const keys = bytes && decodeKeySet(bytes, pinned.uuid, saved.sequence, keySet_bytes)
  return keys && { keys, sequence: saved.sequence, commitsSinceSave: 0 }
}

async function addFiles(gold: LakeTable, session: Session, keys: KeySet, files: readonly ScanFile[]): Promise<void> {
  const sql = `SELECT symbol_key, min(id)::VARCHAR AS low, max(id)::VARCHAR AS high FROM (
      SELECT symbol_key, id, id::HUGEINT - dense_rank() OVER (PARTITION BY symbol_key ORDER BY id) AS island FROM (
        SELECT DISTINCT ${SYMBOL_KEY_SQL} AS symbol_key, source_sequence AS id
        FROM (${scanSql(gold.definition, files)}) WHERE source_sequence IS NOT NULL
      )
    ) GROUP BY symbol_key, island ORDER BY symbol_key, min(id)`
  const text = new TextDecoder()
  for await (const chunk of session.read(sql)) {
    const columns = ['symbol_key', 'low', 'high'].map((name) => columnOf(chunk, name, 'VARCHAR'))
    const cell = (column: number, row: number): string => {
      const bytes = columns[column] as { data: Uint8Array; offsets: Uint32Array }
      return text.decode(bytes.data.subarray(bytes.offsets[row], bytes.offsets[row + 1]))
    }
    for (let i = 0; i < chunk.count; ) {
      const name = cell(0, i)
      const runs: IdRun[] = []
      for (; i < chunk.count && cell(0, i) === name; i++)
        runs.push({ low: BigInt(cell(1, i)), high: BigInt(cell(2, i)) })
      addRuns(keys.symbol(name), runs)
    }
  }
  keys.checkSize()
}

interface IdRun {
  readonly low: bigint
  readonly high: bigint
}

/** Adds runs of a symbol in ascending order; every id of a run is a row, so their number is bounded by the files'. */
function addRuns(keys: SymbolKeys, runs: readonly IdRun[]): void {
  const isSafe = ({ low, high }: IdRun): boolean => low >= -MAX_SAFE && high <= MAX_SAFE
  const safe = runs.filter(isSafe)
  keys.intervals.addRuns(
    Float64Array.from(safe, ({ low }) => Number(low)),
    Float64Array.from(safe, ({ high }) => Number(high)),
  )
  for (const { low, high } of runs.filter((run) => !isSafe(run))) {
    for (let id = low; id <= high; id++) {
      if (id >= -MAX_SAFE && id <= MAX_SAFE)
        keys.intervals.addRuns(Float64Array.of(Number(id)), Float64Array.of(Number(id)))
      else keys.large.add(id)
    }
  }
}

/** Saves the set when it is due; what comes back belongs in the checkpoint of the next commit. */
export async function saveKeysIfDue(
  gold: LakeTable,
  loaded: LoadedKeys,
  pinned: PinnedTable,
  random: Random,
): Promise<{ readonly path: string; readonly sequence: number } | undefined> {
  if (loaded.commitsSinceSave < COMMITS_BETWEEN_SAVES || loaded.sequence === 0) return undefined
  const path = `${pinned.version.tableKey}/keys/${random.uuid()}.keys`
  await gold.store.put(path, encodeKeySet(loaded.keys, pinned.uuid, loaded.sequence))
  return { path, sequence: loaded.sequence }
}
