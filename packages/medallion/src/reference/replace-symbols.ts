import { AssayError, backOff_ms, type Clock, type NamedColumn, type Random } from '@assay/core'
import { quoteIdentifier, type Session, type TemporaryTable } from '@assay/engine'
import { commit, currentSnapshot, type DataFile, greatestSequence, type PlannedFile } from '@assay/iceberg'
import { type LakeTable, type PinnedTable, scanSql, sqlType } from '@assay/pipeline'
import { REF_SYMBOLS_TABLE } from './ref-symbols-table.js'

/** A row of `ref_symbols` that was checked: no two of a symbol overlap. Numbers are plain decimals that their column holds. */
export interface SymbolRow {
  readonly exchange: string
  readonly symbol: string
  readonly base: string
  readonly quote: string
  readonly tick_size: string | null
  readonly lot_size: string | null
  readonly tier: string | null
  /** µs since 1970. */
  readonly valid_from: bigint
  readonly valid_to: bigint | null
}

/** What becomes of rows of the symbols that were given; a row is known by its symbol and `valid_from`. */
export interface SymbolChanges {
  readonly added: number
  /** Open before, with an end now, otherwise the same. */
  readonly ended: number
  /** Other values than before. */
  readonly changed: number
  /** In the table, and not given any more. */
  readonly removed: number
  readonly unchanged: number
}

interface Replacement {
  readonly session: Session
  readonly clock: Clock
  readonly random: Random
  /** Undefined where nobody has made it yet, for who only counts. */
  readonly table: LakeTable | undefined
  /** What `givenSymbols` made of the rows. */
  readonly given: TemporaryTable
}

const REFUSED_MAX = 50
const KEY = 'exchange, symbol'
const ROW = `${KEY}, valid_from`
/** What a row says, beside its end. */
const VALUES = ['base', 'quote', 'tick_size', 'lot_size', 'tier']
const COLUMNS = REF_SYMBOLS_TABLE.columns.map(({ name }) => quoteIdentifier(name)).join(', ')

/** The rows as a temporary table with the columns of `ref_symbols`. */
export async function givenSymbols(session: Session, rows: readonly SymbolRow[]): Promise<TemporaryTable> {
  const texts = ['exchange', 'symbol', 'base', 'quote', 'tick_size', 'lot_size', 'tier'] as const
  const columns = [
    ...texts.map((name) => ({ name, column: textColumn(rows.map((row) => row[name])) })),
    { name: 'valid_from', column: timeColumn(rows.map((row) => row.valid_from)) },
    { name: 'valid_to', column: timeColumn(rows.map((row) => row.valid_to)) },
  ]
  const { name: loaded } = await session.load('ref_symbols_loaded', columns, rows.length)
  const typed = REF_SYMBOLS_TABLE.columns.map(({ name, type }) => {
    const quoted = quoteIdentifier(name)
    return `CAST(${quoted} AS ${sqlType(type)}) AS ${quoted}`
  })
  return session.createTable('ref_symbols_given', `SELECT ${typed.join(', ')} FROM ${loaded}`)
}

function textColumn(texts: readonly (string | null)[]): NamedColumn['column'] {
  const dictionary = [...new Set(texts.flatMap((text) => text ?? []))]
  const codes = new Map<string | null, number>(dictionary.map((text, code) => [text, code]))
  return { type: 'DICTIONARY', codes: Int32Array.from(texts, (text) => codes.get(text) ?? -1), dictionary }
}

function timeColumn(times_us: readonly (bigint | null)[]): NamedColumn['column'] {
  return {
    type: 'TIMESTAMPTZ',
    data: BigInt64Array.from(times_us, (time) => time ?? 0n),
    nulls: Uint8Array.from(times_us, (time) => (time === null ? 1 : 0)),
  }
}

/** What `replaceSymbols` would do; writes nothing. */
export async function compareSymbols({
  session,
  table,
  given,
}: Omit<Replacement, 'clock' | 'random'>): Promise<SymbolChanges> {
  const files = table ? await table.files(await table.pin()) : []
  const compared = await session.createTable(
    'ref_symbols_compared',
    comparison(given, scanSql(REF_SYMBOLS_TABLE, files)),
  )
  return countChanges(session, compared)
}

/**
 * Makes the given rows all that the table has of the symbols that they name; other symbols stay as they are. One commit,
 * or none where nothing changes. It demands the very snapshot that was compared with, so that loads at once come one
 * behind the other, and what is left of one that was killed is never seen. Throws `reference_contended` (retryable).
 */
export async function replaceSymbols(replacement: Replacement & { readonly table: LakeTable }): Promise<SymbolChanges> {
  const { clock, random, table } = replacement
  for (let refused = 1; ; refused++) {
    const changes = await tryReplacing(replacement, await table.pin())
    if (changes) return changes
    if (refused === REFUSED_MAX) {
      throw new AssayError('reference_contended', `${table.definition.name} changed under ${REFUSED_MAX} attempts`, {
        hint: 'something else writes the table all the time; run this again when it is done',
        retryable: true,
      })
    }
    await clock.sleep(backOff_ms(Math.min(refused, 4), random))
  }
}

/** Undefined, with nothing changed, when the table is no longer as it was pinned. */
async function tryReplacing(
  { session, table, given }: Replacement & { readonly table: LakeTable },
  { version }: PinnedTable,
): Promise<SymbolChanges | undefined> {
  const live = await table.plan(version, {})
  const known = scanSql(REF_SYMBOLS_TABLE, await Promise.all(live.map((file) => table.scanFile(file))))
  const compared = await session.createTable('ref_symbols_compared', comparison(given, known))
  const changes = await countChanges(session, compared)
  if (changes.added + changes.ended + changes.changed + changes.removed === 0) return changes
  const isReplaced = `(${KEY}) IN (SELECT ${KEY} FROM ${compared.name} WHERE change <> 'unchanged')`
  const written = await table.write(
    session,
    `SELECT ${COLUMNS} FROM ${given.name} WHERE ${isReplaced} ORDER BY ${ROW}`,
    {},
  )
  // Whatever columns another engine has added stay with the rows of all other symbols (A10).
  const kept =
    live.length === 0
      ? []
      : await table.copyRows(session, { table, version, files: live, where: `(${isReplaced}) IS NOT TRUE` })
  const files = [...(written ? [written] : []), ...kept]
  if (await commitFiles(table, version, live, files)) return changes
  await table.discard(files)
  return undefined
}

async function commitFiles(
  { table }: LakeTable,
  planned: PinnedTable['version'],
  live: readonly PlannedFile[],
  addFiles: readonly DataFile[],
): Promise<boolean> {
  const change = {
    operation: live.length === 0 ? ('append' as const) : ('overwrite' as const),
    addFiles,
    removeFiles: live.map(({ file }) => file.path),
    plannedAt: greatestSequence(planned.metadata),
  }
  const snapshotId = currentSnapshot(planned.metadata)?.snapshotId
  const outcome = await commit(table, {
    prepare: (base) =>
      base.tableUuid === planned.metadata.tableUuid && currentSnapshot(base)?.snapshotId === snapshotId
        ? { kind: 'proceed', change }
        : { kind: 'refuse', reason: 'changed' },
  })
  return outcome.kind === 'committed'
}

/** SQL of what becomes of each row that was given, or that the table has of the same symbols. */
function comparison({ name: given }: TemporaryTable, known: string): string {
  const isSame = VALUES.map((column) => `g.${column} IS NOT DISTINCT FROM k.${column}`).join(' AND ')
  return `SELECT ${ROW}, CASE
      WHEN k.is_known IS NULL THEN 'added'
      WHEN g.is_given IS NULL OR k.copy > 1 THEN 'removed'
      WHEN NOT (${isSame}) THEN 'changed'
      WHEN g.valid_to IS NOT DISTINCT FROM k.valid_to THEN 'unchanged'
      WHEN k.valid_to IS NULL THEN 'ended'
      ELSE 'changed' END AS change
    FROM (SELECT *, true AS is_given FROM ${given}) g
    FULL JOIN (
      SELECT *, true AS is_known, row_number() OVER (PARTITION BY ${ROW}) AS copy
      FROM (${known}) WHERE (${KEY}) IN (SELECT ${KEY} FROM ${given})
    ) k USING (${ROW})`
}

async function countChanges(session: Session, { name }: TemporaryTable): Promise<SymbolChanges> {
  const rows = await session.rows(`SELECT change, count(*) AS n FROM ${name} GROUP BY change`)
  const counts = new Map(rows.map(({ change, n }) => [change, Number(n)]))
  const of = (change: keyof SymbolChanges): number => counts.get(change) ?? 0
  return {
    added: of('added'),
    ended: of('ended'),
    changed: of('changed'),
    removed: of('removed'),
    unchanged: of('unchanged'),
  }
}
