import type { MarketAdditions } from '@assay/exchanges'
import type { BatchLimits } from '@assay/pipeline'
import { DEFAULT_LIMITS } from '@assay/pipeline'
import { FEED_SETTINGS } from './feed-settings.js'
import { type LakeParts, lakeParts } from './lake-parts.js'
import { MARKET_SETTINGS } from './market-settings.js'
import { PARTS_SETTINGS } from './parts-settings.js'
import { SERVICE_SETTINGS } from './service-settings.js'
import { badConfiguration, type Environment, readSettings, type Values } from './setting.js'

/** Every setting of the services. Each takes all of them, so that one environment serves all. */
export const SETTINGS = { ...PARTS_SETTINGS, ...SERVICE_SETTINGS, ...MARKET_SETTINGS, ...FEED_SETTINGS }

type SettingValues = Values<typeof SETTINGS>

/** Checked settings of a service. */
export interface ServiceConfig {
  readonly parts: LakeParts
  readonly exchanges: SettingValues['ASSAY_EXCHANGES']
  readonly http: { readonly host: string; readonly port: number }
  readonly commitInterval_ms: number
  readonly limits: BatchLimits
  readonly keySet_bytes: number
  readonly memory_bytes: number
  readonly threads: number
  readonly adopt: boolean
  readonly rulesFile: string | undefined
  /** Currencies and pairs that are known beside Assay's own. */
  readonly markets: MarketAdditions
  readonly logLevel: SettingValues['ASSAY_LOG_LEVEL']
  readonly grace_ms: number
  readonly feed: {
    readonly source: SettingValues['ASSAY_FEED']
    readonly symbols: SettingValues['ASSAY_SYMBOLS']
    /** Rate of the simulated feed; undefined for the exchange's usual one. */
    readonly rate: SettingValues['ASSAY_FEED_RATE']
    readonly skew: number
    readonly burst: SettingValues['ASSAY_FEED_BURST']
    readonly ingestTokens: readonly string[]
  }
}

/** Reads the environment. Throws a UsageError `bad_configuration` that lists every mistake, one a line. */
export function readConfig(env: Environment): ServiceConfig {
  const { values, mistakes } = readSettings(SETTINGS, env, Object.keys(SETTINGS))
  const parts = lakeParts(values, mistakes)
  if (mistakes.length > 0 || !parts) throw badConfiguration(mistakes)
  return {
    parts,
    exchanges: values.ASSAY_EXCHANGES,
    http: { host: values.ASSAY_HTTP_HOST, port: values.ASSAY_HTTP_PORT },
    commitInterval_ms: values.ASSAY_COMMIT_INTERVAL_MS,
    limits: { ...DEFAULT_LIMITS, maxRows: values.ASSAY_BATCH_ROWS, maxBytes: values.ASSAY_BATCH_BYTES },
    keySet_bytes: values.ASSAY_KEY_SET_BYTES,
    memory_bytes: values.ASSAY_MEMORY_BYTES,
    threads: values.ASSAY_THREADS,
    adopt: values.ASSAY_ADOPT,
    rulesFile: values.ASSAY_RULES_FILE,
    markets: marketsOf(values),
    logLevel: values.ASSAY_LOG_LEVEL,
    grace_ms: values.ASSAY_GRACE_MS,
    feed: {
      source: values.ASSAY_FEED,
      symbols: values.ASSAY_SYMBOLS,
      rate: values.ASSAY_FEED_RATE,
      skew: values.ASSAY_FEED_SKEW,
      burst: values.ASSAY_FEED_BURST,
      ingestTokens: values.ASSAY_INGEST_TOKENS,
    },
  }
}

/**
 * Reads only what says on which parts a lake stands; `location` takes the place of ASSAY_LAKE. Throws as `readConfig`.
 */
export function readLakeParts(env: Environment, location: string | undefined): LakeParts {
  const given = location === undefined ? env : { ...env, ASSAY_LAKE: location }
  const { values, mistakes } = readSettings(PARTS_SETTINGS, given, Object.keys(SETTINGS))
  const parts = lakeParts(values, mistakes)
  if (mistakes.length > 0 || !parts) throw badConfiguration(mistakes)
  return parts
}

/**
 * Currencies and pairs to know beside Assay's own, for a command line without services' settings. Throws as
 * `readConfig`.
 */
export function readMarkets(env: Environment): MarketAdditions {
  const { values, mistakes } = readSettings(MARKET_SETTINGS, env, Object.keys(SETTINGS))
  if (mistakes.length > 0) throw badConfiguration(mistakes)
  return marketsOf(values)
}

function marketsOf(values: Values<typeof MARKET_SETTINGS>): MarketAdditions {
  return { quotes: values.ASSAY_QUOTES, bases: values.ASSAY_BASES, pairs: values.ASSAY_PAIRS }
}

/** Symbols to follow live, for a command line without services' settings. Throws as `readConfig`. */
export function readLiveSymbols(env: Environment): SettingValues['ASSAY_SYMBOLS'] {
  const { ASSAY_SYMBOLS } = FEED_SETTINGS
  const { values, mistakes } = readSettings({ ASSAY_SYMBOLS }, env, Object.keys(SETTINGS))
  if (mistakes.length > 0) throw badConfiguration(mistakes)
  return values.ASSAY_SYMBOLS
}

/** Least time between two commits, for a command line without services' settings. Throws as `readConfig`. */
export function readCommitInterval(env: Environment): number {
  const { ASSAY_COMMIT_INTERVAL_MS } = SERVICE_SETTINGS
  const { values, mistakes } = readSettings({ ASSAY_COMMIT_INTERVAL_MS }, env, Object.keys(SETTINGS))
  if (mistakes.length > 0) throw badConfiguration(mistakes)
  return values.ASSAY_COMMIT_INTERVAL_MS
}
