import { AssayError, codeOf, isRetryable, messageOf } from '@assay/core'
import { quoteText, type Session } from '@assay/engine'
import { currentSnapshot, type PlannedFile } from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import { type CheckList, Findings } from '../../check.js'
import type { PinnedScan } from '../../pinned/pinned-scan.js'

/** Files whose footers one statement reads, and whose sizes are asked for at once. */
const FILES_AT_ONCE = 64

/**
 * Every live data file is there, with the size and the rows that its manifest says, and the manifests add up to what
 * the snapshot's summary says. Files that can't be read are left out of all later checks.
 */
export async function checkFiles(lake: Lake, session: Session, scan: PinnedScan, checks: CheckList): Promise<void> {
  if (!scan.pinned) return
  const findings = new Findings()
  const planned = await scan.plan()
  let files = 0
  let rows = 0
  for (let i = 0; i < planned.length; i += FILES_AT_ONCE) {
    const there = await sizesChecked(lake, scan, planned.slice(i, i + FILES_AT_ONCE), findings)
    const counted = await rowsChecked(session, scan, there, findings)
    files += there.length
    rows += counted
  }
  const listed = planned.reduce((sum, { file }) => sum + file.recordCount, 0)
  checks.done(
    { promise: 'files', subject: scan.name, claim: 'every live data file is there, as large as its manifest says' },
    { files_listed: planned.length, files_found: files, rows_listed: listed, rows_found: rows },
    findings,
  )
  checkSummary(
    scan,
    planned.filter((file) => !scan.isPending(file)),
    checks,
  )
}

async function sizesChecked(
  lake: Lake,
  scan: PinnedScan,
  planned: readonly PlannedFile[],
  findings: Findings,
): Promise<PlannedFile[]> {
  const good = await Promise.all(
    planned.map(async (entry) => {
      const parts = [entry, ...entry.deletes]
      const sizes = await Promise.all(parts.map(({ key }) => lake.store.size_bytes(key)))
      const wrong = parts.flatMap(({ key, file }, i) => {
        if (sizes[i] === undefined) return [`${key} is missing`]
        return sizes[i] === file.size_bytes ? [] : [`${key} has ${sizes[i]} bytes, not ${file.size_bytes}`]
      })
      findings.add(...wrong)
      if (sizes.includes(undefined)) scan.leaveOut(entry.key)
      return !sizes.includes(undefined)
    }),
  )
  return planned.filter((_, i) => good[i])
}

/** Rows by the files' own footers; a footer that can't be read is named. */
async function rowsChecked(
  session: Session,
  scan: PinnedScan,
  planned: readonly PlannedFile[],
  findings: Findings,
): Promise<number> {
  const { table } = scan
  if (!table || planned.length === 0) return 0
  const paths = await Promise.all(planned.map(async (file) => (await table.scanFile(file)).path))
  const counts = await footerRows(session, paths).catch(() => undefined)
  let sum = 0
  for (const [i, { key, file }] of planned.entries()) {
    const path = paths[i] as string
    const rows = counts?.get(path) ?? (await footerOf(session, path))
    if (typeof rows === 'string') {
      findings.add(`${key} ${rows}`)
      scan.leaveOut(key)
    } else {
      if (rows !== file.recordCount) findings.add(`${key} has ${rows} rows, not ${file.recordCount}`)
      sum += rows
    }
  }
  return sum
}

/** Reads files wholly, after a statement over some of them has failed; those that can't be are named and left out. */
export async function unreadableFiles(session: Session, scans: readonly PinnedScan[]): Promise<string[]> {
  const found: string[] = []
  for (const scan of scans) {
    // A table whose files can't even be listed has a finding of its own.
    for (const file of await scan.plan().catch(() => [])) {
      const path = (await scan.table?.scanFile(file))?.path
      if (path === undefined || (await isReadable(session, path))) continue
      scan.leaveOut(file.key)
      found.push(`${file.key} cannot be decoded`)
    }
  }
  return found
}

async function isReadable(session: Session, path: string): Promise<boolean> {
  try {
    await session.rows(`SELECT sum(hash(f)) FROM read_parquet(${quoteText(path)}) f`)
    return true
  } catch (error) {
    if (error instanceof AssayError && error.code === 'engine_statement_failed') return false
    throw error
  }
}

/** The count of rows, or why there is none to be had. */
async function footerOf(session: Session, path: string): Promise<number | string> {
  try {
    const rows = (await footerRows(session, [path])).get(path)
    if (rows !== undefined) return rows
  } catch (error) {
    // The file may be as it was written, and its disk or its rights be wrong.
    if (isRetryable(error)) return `cannot be opened: ${messageOf(error)} [${codeOf(error)}]`
  }
  return 'cannot be read as Parquet'
}

async function footerRows(session: Session, paths: readonly string[]): Promise<Map<string, number>> {
  const rows = await session.rows(
    `SELECT file_name, num_rows FROM parquet_file_metadata([${paths.map(quoteText).join(', ')}])`,
  )
  return new Map(rows.map(({ file_name, num_rows }) => [String(file_name), Number(num_rows)]))
}

function checkSummary({ name, pinned }: PinnedScan, planned: readonly PlannedFile[], checks: CheckList): void {
  const snapshot = pinned && currentSnapshot(pinned.version.metadata)
  if (!snapshot) return
  const { summary } = snapshot
  const sums: Readonly<Record<string, number>> = {
    'total-data-files': planned.length,
    'total-records': planned.reduce((sum, { file }) => sum + file.recordCount, 0),
    'total-files-size': planned.reduce((sum, { file }) => sum + file.size_bytes, 0),
  }
  const claim = { promise: 'files', subject: name, claim: "the manifests add up to the snapshot's summary" }
  const findings = new Findings()
  const told = Object.keys(sums).filter((total) => summary[total] !== undefined)
  if (told.length === 0) {
    checks.skipped(claim, 'the writer of the snapshot left the totals out')
    return
  }
  for (const total of told) {
    const sum = sums[total] as number
    if (Number(summary[total]) !== sum)
      findings.add(`${total}: the summary says ${summary[total]}, the manifests ${sum}`)
  }
  checks.done(claim, { rows: sums['total-records'] ?? 0, bytes: sums['total-files-size'] ?? 0 }, findings)
}
