import { AssayError, isStopped, type LaneKey, messageOf, OutageError } from '@assay/core'
import { type Session, type TemporaryTable, withSession } from '@assay/engine'
import type { Lake } from '@assay/lake'
import { isFileGone } from '@assay/pipeline'
import { type Check, CheckList, type Claim, Findings, reportOf, type VerifyReport } from '../check.js'
import { type LaneRows, laneRows } from '../pinned/lane-rows.js'
import { type PinnedLake, pinLake } from '../pinned/pin-lake.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'
import { checkUnreadRows } from './check-checkpoint.js'
import { checkLedgers, checkReplayCounts } from './check-ledgers.js'
import { checkChain, checkHistory, checkPositions } from './check-positions.js'
import { checkResolutions, loadReplayed } from './check-replayed-rows.js'
import { claimOf, type Guard, ofReplayed, ownChecksOf } from './layer-checks.js'
import { checkChecksums } from './tables/check-checksums.js'
import { checkFiles, unreadableFiles } from './tables/check-files.js'
import { checkManifests } from './tables/check-manifests.js'
import { checkMetadata, checkSequences } from './tables/check-metadata.js'
import { checkStatistics } from './tables/check-statistics.js'

interface VerifyOptions {
  /** Read the log again, too, and compare every record's bytes. */
  readonly fromLog: boolean
  readonly signal: AbortSignal
  /** Called with what is to be checked, before it is. */
  readonly onBegin?: (claim: Claim) => void
  /** Called with each check as it is done. */
  readonly onCheck: (check: Check) => void
}

/**
 * Proves the promises on the data of one snapshot of every table, and changes nothing. Works in pieces that fit the
 * engine's memory; workers may run meanwhile. Throws `snapshot_cleaned_up` when their clean-up was faster, and
 * `session_closed` on abort.
 */
export async function verifyLake(lake: Lake, options: VerifyOptions): Promise<VerifyReport> {
  const { fromLog, signal, onCheck, onBegin = () => undefined } = options
  const list = new CheckList((check) => {
    if (!signal.aborted) onCheck(check)
  })
  const work = async (session: Session): Promise<VerifyReport> => {
    const tables = await pinLake(lake, list)
    const rows = await new Run({ lake, session, tables, list, onBegin, signal }).all(fromLog)
    return reportOf(list.checks, rows)
  }
  return withSession(await lake.engine(), work, signal)
}

interface RunParts {
  readonly lake: Lake
  readonly session: Session
  readonly tables: PinnedLake
  readonly list: CheckList
  readonly onBegin: (claim: Claim) => void
  readonly signal: AbortSignal
}

class Run {
  readonly #lake: Lake
  readonly #session: Session
  readonly #tables: PinnedLake
  readonly #list: CheckList

  readonly #onBegin: (claim: Claim) => void
  readonly #signal: AbortSignal

  constructor({ lake, session, tables, list, onBegin, signal }: RunParts) {
    this.#lake = lake
    this.#session = session
    this.#tables = tables
    this.#list = list
    this.#onBegin = onBegin
    this.#signal = signal
  }

  async all(fromLog: boolean): Promise<bigint> {
    const { gold, exchanges } = this.#tables
    for (const scan of this.#tables.all) await this.#files(scan)
    // Only once the files of all tables are known to be there: what can't be read is looked for in all of them.
    for (const scan of this.#tables.all) await this.#statistics(scan)
    const replayed = await this.#guard(claimOf('D1', gold, 'replayed rows can be read'), () =>
      loadReplayed(this.#session, exchanges),
    )
    const rows = await this.#layers(fromLog, replayed)
    await this.#guard(claimOf('A1', this.#tables.replays, 'no decision is written twice'), () =>
      checkLedgers(this.#session, this.#tables, this.#list),
    )
    const needed = { replayed, guard: this.#guard, checks: this.#list }
    await ofReplayed(
      needed,
      claimOf('D3', this.#tables.replays, 'what a replay says that it took over is in silver'),
      (rows) => checkReplayCounts(this.#session, rows, this.#tables, this.#list),
    )
    await ofReplayed(
      needed,
      claimOf('D1', this.#tables.resolutions, 'what is resolved as replayed is what was replayed'),
      (rows) => checkResolutions(this.#lake, this.#session, rows, this.#tables, this.#list),
    )
    return rows
  }

  async #files(scan: PinnedScan): Promise<void> {
    if (scan.problem) {
      const { message, code, hint } = scan.problem
      const findings = new Findings()
      findings.add(`${message} [${code}]${hint === null ? '' : `; ${hint}`}`)
      this.#list.done(claimOf('A10', scan, 'it can be used as it is'), {}, findings)
      return
    }
    await this.#guard(claimOf('A12', scan, 'its metadata keeps the rules of the format'), () =>
      checkMetadata(scan, this.#list),
    )
    await this.#guard(claimOf('A12', scan, 'the manifest list says what is in its manifests'), () =>
      checkManifests(this.#lake, scan, this.#list),
    )
    await this.#guard(claimOf('files', scan, 'every live data file is there, as large as its manifest says'), () =>
      checkFiles(this.#lake, this.#session, scan, this.#list),
    )
    await this.#guard(claimOf('files', scan, 'the pages of its data files are as they were written'), () =>
      checkChecksums(scan, this.#list, this.#signal),
    )
  }

  async #statistics(scan: PinnedScan): Promise<void> {
    if (scan.problem) return
    await this.#guard(claimOf('A12', scan, 'partition values, bounds and counts are true of the rows'), () =>
      checkStatistics(this.#session, scan, this.#list),
    )
  }

  /** Every worker's main table, upstream first, and what its layer has of its own to check. */
  async #layers(fromLog: boolean, replayed: TemporaryTable | undefined): Promise<bigint> {
    const laneRows = new Map<string, ReadonlyMap<LaneKey, LaneRows>>()
    const [lake, session, tables, checks] = [this.#lake, this.#session, this.#tables, this.#list]
    const guard = this.#guard
    let rows = 0n
    for (const layer of lake.layers) {
      for (const worker of layer.workers(lake.exchanges)) {
        const { main } = worker
        const upstreams = worker.upstreams.map(({ definition }) => tables.of(definition))
        laneRows.set(main.name, await this.#main(tables.of(main), upstreams))
        const context = { lake, session, tables, laneRows, replayed, fromLog, checks, guard }
        rows += (await ownChecksOf(layer.name)?.(context, worker)) ?? 0n
      }
    }
    return rows
  }

  /** What is checked of every table with a checkpoint; gives what it holds of each lane. */
  async #main(scan: PinnedScan, upstream: readonly PinnedScan[]): Promise<ReadonlyMap<LaneKey, LaneRows>> {
    if (scan.problem) return new Map()
    checkHistory(scan, this.#list)
    if (upstream.length > 0 && !upstream.some(({ problem }) => problem)) {
      checkChain(scan, upstream, this.#list)
      checkSequences(scan, upstream, this.#list)
      await this.#guard(
        claimOf('chain', scan, 'what it has still to read lies in files that it has still to read'),
        () => checkUnreadRows(this.#session, scan, upstream, this.#list),
      )
    }
    // Rows of candles come from many lanes each.
    if (!scan.definition.coordinates) return new Map()
    const rows = await this.#guard(claimOf('B2', scan, "every lane's rows end where its checkpoint says"), async () => {
      const found = await laneRows(this.#session, scan)
      checkPositions(scan, found, this.#list)
      return found
    })
    return rows ?? new Map()
  }

  /** A check that can't be made because something can't be read has failed; those after it go on. */
  readonly #guard: Guard = async (claim, work) => {
    this.#onBegin(claim)
    try {
      return await work()
    } catch (error) {
      if (isFileGone(error)) throw cleanedUp(error)
      if (!(error instanceof AssayError) || error.retryable || isStopped(error)) throw error
      const findings = new Findings()
      if (error.code === 'engine_statement_failed')
        findings.add(...(await unreadableFiles(this.#session, this.#tables.all)))
      if (findings.isEmpty) findings.add(`${error.message} [${error.code}]`)
      this.#list.done(claim, {}, findings)
      return undefined
    }
  }
}

/** The error for files that were there when the verification began and have gone since. */
function cleanedUp(cause: unknown): OutageError {
  const message = `the workers' clean-up took files before they were verified: ${messageOf(cause)}`
  return new OutageError('snapshot_cleaned_up', message, {
    hint: 'verify again, with the workers stopped if it takes longer than a quarter of an hour',
    cause,
  })
}
