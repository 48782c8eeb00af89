import { AssayError, type LaneKey, OutageError } from '@assay/core'
import type { Session } from '@assay/engine'
import type { Lake } from '@assay/lake'
import { isFileGone } from '@assay/pipeline'
import { type Check, CheckList, type Claim, Findings, type VerifyReport } from '../compare/check.js'
import { readRuleHistory } from '../derive/rule-history.js'
import { type LaneRows, laneRows } from '../pinned/lane-rows.js'
import { type PinnedExchange, type PinnedLake, pinLake } from '../pinned/pin-lake.js'
import type { PinnedScan } from '../pinned/pinned-scan.js'
import { checkStops, checkTopics, checkUnreadRows } from './check-checkpoint.js'
import { checkFiles, unreadableFiles } from './check-files.js'
import { checkDistinct, checkGold, checkKept } from './check-gold.js'
import { checkLedgers, checkReplayCounts } from './check-ledgers.js'
import { checkLog } from './check-log.js'
import { checkManifests } from './check-manifests.js'
import { checkMetadata, checkSequences } from './check-metadata.js'
import { checkOffsets } from './check-offsets.js'
import { checkChain, checkHistory, checkPositions } from './check-positions.js'
import { checkReplayed, checkResolutions, loadReplayed } from './check-replayed-rows.js'
import { checkReplayedValues } from './check-replayed-values.js'
import { checkRuleHistory, checkSilver } from './check-silver.js'
import { checkStatistics } from './check-statistics.js'
import { checkTradeGaps } from './check-trade-gaps.js'

export interface VerifyOptions {
  /** Read the log again, too, and compare every record's bytes. */
  readonly fromLog: boolean
  readonly signal: AbortSignal
  /** Told of each check as it is done. */
  readonly onCheck: (check: Check) => void
}

/**
 * Proves the promises on the data of one snapshot of every table, and changes nothing. Works in pieces that fit the
 * engine's memory; workers may run meanwhile. Throws `snapshot_cleaned_up` when their clean-up was faster, and
 * `engine_interrupted` on abort.
 */
export async function verifyLake(lake: Lake, options: VerifyOptions): Promise<VerifyReport> {
  const session = await (await lake.engine()).session()
  const list = new CheckList(options.onCheck)
  const interrupt = (): void => session.interrupt()
  options.signal.addEventListener('abort', interrupt)
  try {
    const tables = await pinLake(lake, list)
    const run = new Run(lake, session, tables, list)
    const rows = await run.all(options.fromLog)
    return { checks: list.checks, is_ok: list.checks.every(({ outcome }) => outcome !== 'failed'), rows }
  } finally {
    options.signal.removeEventListener('abort', interrupt)
    await session.close()
  }
}

class Run {
  readonly #lake: Lake
  readonly #session: Session
  readonly #tables: PinnedLake
  readonly #list: CheckList

  constructor(lake: Lake, session: Session, tables: PinnedLake, list: CheckList) {
    this.#lake = lake
    this.#session = session
    this.#tables = tables
    this.#list = list
  }

  async all(fromLog: boolean): Promise<bigint> {
    const { gold, exchanges } = this.#tables
    for (const scan of this.#tables.all) await this.#files(scan)
    // Only once the files of all tables are known to be there: what can't be read is looked for in all of them.
    for (const scan of this.#tables.all) await this.#statistics(scan)
    await this.#guard(claimOf('D1', gold, 'replayed rows can be read'), () => loadReplayed(this.#session, exchanges))
    const silverRows = new Map<string, ReadonlyMap<LaneKey, LaneRows>>()
    let rows = 0n
    for (const exchange of exchanges) {
      const checked = await this.#exchange(exchange, fromLog)
      rows += checked.rows
      silverRows.set(exchange.silver.name, checked.silverRows)
    }
    await this.#gold(silverRows)
    await this.#guard(claimOf('A1', this.#tables.replays, 'no decision is written twice'), () =>
      checkLedgers(this.#session, this.#tables, this.#list),
    )
    await this.#guard(claimOf('D3', this.#tables.replays, 'what a replay says that it took over is in silver'), () =>
      checkReplayCounts(this.#session, this.#tables, this.#list),
    )
    await this.#guard(
      claimOf('D1', this.#tables.resolutions, 'what is resolved as replayed is what was replayed'),
      () => checkResolutions(this.#lake, this.#session, this.#tables, this.#list),
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
  }

  async #statistics(scan: PinnedScan): Promise<void> {
    if (scan.problem) return
    await this.#guard(claimOf('A12', scan, 'partition values, bounds and counts are true of the rows'), () =>
      checkStatistics(this.#session, scan, this.#list),
    )
  }

  async #exchange(pinned: PinnedExchange, fromLog: boolean) {
    const [lake, session, tables, checks] = [this.#lake, this.#session, this.#tables, this.#list]
    const { bronze, silver } = pinned
    const bronzeRows = await this.#main(bronze, [])
    checkStops(bronze, checks)
    await this.#guard(claimOf('chain', bronze, 'its topics are the ones that its lanes were read from'), () =>
      checkTopics(lake, pinned.exchange.topic, bronze, fromLog, checks),
    )
    await this.#guard(claimOf('B2', bronze, 'no offset is there twice'), () =>
      checkOffsets(session, bronze, tables.gaps, bronzeRows, checks),
    )
    if (fromLog) {
      await this.#guard(claimOf('B1', bronze, 'its rows are the records of the log'), () =>
        checkLog(lake, session, pinned.exchange, bronze, tables.gaps, bronzeRows, checks),
      )
    } else {
      checks.skipped(claimOf('B1', bronze, 'its rows are the records of the log, byte for byte'), 'needs --from-log')
    }
    const silverRows = await this.#main(silver, [bronze])
    const check = await this.#guard(claimOf('S2', silver, 'the rule_sets ledger can be read'), async () => {
      const history = await readRuleHistory(session, await tables.ruleSets.sql(), pinned.exchange)
      return { lake, session, exchange: pinned.exchange, pinned, tables, history, bronzeRows, checks }
    })
    if (!check) return { rows: 0n, silverRows }
    await this.#guard(claimOf('S2', silver, 'the rule_sets ledger covers its positions'), async () =>
      checkRuleHistory(check),
    )
    const rows = await this.#guard(claimOf('S1', silver, 'its rows are the valid rows of bronze'), () =>
      checkSilver(check),
    )
    await this.#guard(claimOf('S2', silver, 'replayed rows are what their rules make of their bytes'), () =>
      checkReplayedValues(check),
    )
    await this.#guard(claimOf('D1', silver, 'every letter was replayed at most once'), () =>
      checkReplayed(session, pinned, checks),
    )
    return { rows: rows ?? 0n, silverRows }
  }

  async #gold(silverRows: ReadonlyMap<string, ReadonlyMap<LaneKey, LaneRows>>): Promise<void> {
    const [session, tables, checks] = [this.#session, this.#tables, this.#list]
    const { gold, duplicates, exchanges } = tables
    await this.#main(
      gold,
      exchanges.map(({ silver }) => silver),
    )
    await this.#guard(claimOf('G1', gold, 'every trade is there once'), () => checkDistinct(session, tables, checks))
    await this.#guard(claimOf('G2', gold, 'its rows are the silver rows that are no duplicates'), () =>
      checkGold(session, tables, silverRows, checks),
    )
    await this.#guard(claimOf('G4', duplicates, 'each names the row that was kept'), () =>
      checkKept(session, tables, checks),
    )
    await this.#guard(claimOf('G3', tables.tradeGaps, 'its open gaps are those between the trades of gold'), () =>
      checkTradeGaps(session, tables, checks),
    )
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
    const rows = await this.#guard(claimOf('B2', scan, "every lane's rows end where its checkpoint says"), async () => {
      const found = await laneRows(this.#session, scan)
      checkPositions(scan, found, this.#list)
      return found
    })
    return rows ?? new Map()
  }

  /** A check that can't be made because something can't be read has failed; those after it go on. */
  async #guard<T>(claim: Claim, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (isFileGone(error)) throw cleanedUp(error)
      if (!(error instanceof AssayError) || error.retryable || error.code === 'engine_interrupted') throw error
      const findings = new Findings()
      if (error.code === 'engine_statement_failed')
        findings.add(...(await unreadableFiles(this.#session, this.#tables.all)))
      if (findings.isEmpty) findings.add(`${error.message} [${error.code}]`)
      this.#list.done(claim, {}, findings)
      return undefined
    }
  }
}

/** All files were there when it began. */
function cleanedUp(cause: unknown): OutageError {
  return new OutageError('snapshot_cleaned_up', "the workers' clean-up took files before they were verified", {
    hint: 'verify again, with the workers stopped if it takes longer than a quarter of an hour',
    cause,
  })
}

function claimOf(promise: string, { name }: PinnedScan, claim: string): Claim {
  return { promise, subject: name, claim }
}
