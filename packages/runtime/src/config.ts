import { DEFAULT_LIMITS } from '@assay/medallion'
import { DEFAULT_KEY_SET_BYTES, DEFAULT_MEMORY_BYTES } from './defaults.js'
import { type LakeParts, lakeParts } from './lake-parts.js'
import { PARTS_SETTINGS } from './parts-config.js'
import { badConfiguration, type Environment, flag, oneOf, readSettings, type Setting, wholeNumber } from './setting.js'

const MIB = 2 ** 20

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** Every setting of the bronze, silver and gold services. Each takes all of them, so that one environment serves all. */
export const SETTINGS = {
  ...PARTS_SETTINGS,
  ASSAY_COMMIT_INTERVAL_MS: {
    fallback: '1000',
    accepts: '10 to 3600000',
    means: 'Least time between two commits to a table, unless a full batch waits.',
    schema: wholeNumber(10, 3_600_000),
  },
  ASSAY_BATCH_ROWS: {
    fallback: String(DEFAULT_LIMITS.maxRows),
    accepts: '1 to 1000000',
    means: 'Rows of a batch at most.',
    schema: wholeNumber(1, 1_000_000),
  },
  ASSAY_BATCH_BYTES: {
    fallback: String(DEFAULT_LIMITS.maxBytes),
    accepts: '1 to 268435456',
    means: 'Bytes of record values of a batch at most; one record is always taken, whatever its size.',
    schema: wholeNumber(1, 256 * MIB),
  },
  ASSAY_KEY_SET_BYTES: {
    fallback: String(DEFAULT_KEY_SET_BYTES),
    accepts: '1048576 to 68719476736',
    means: "Memory that gold's set of trade ids may take. Past it gold stops with an error; it never forgets an id.",
    schema: wholeNumber(MIB, 65_536 * MIB),
  },
  ASSAY_MEMORY_BYTES: {
    fallback: String(DEFAULT_MEMORY_BYTES),
    accepts: '67108864 to 1099511627776',
    means: 'Memory that the SQL engine may take; beyond it, it spills to the lake folder.',
    schema: wholeNumber(64 * MIB, 1_048_576 * MIB),
  },
  ASSAY_THREADS: {
    fallback: '1',
    accepts: '1 to 256',
    means: 'Threads of the SQL engine.',
    schema: wholeNumber(1, 256),
  },
  ASSAY_ADOPT: {
    fallback: 'false',
    accepts: 'true or false',
    means: 'Go on, by positions, from upstream tables that were dropped and made again. For one start only.',
    schema: flag,
  },
  ASSAY_LOG_LEVEL: {
    fallback: 'info',
    accepts: LOG_LEVELS.join(', '),
    means: 'The least level that is logged; each commit is logged at debug.',
    schema: oneOf(LOG_LEVELS),
  },
  ASSAY_GRACE_MS: {
    fallback: '10000',
    accepts: '100 to 3600000',
    means: 'Time that a graceful stop may take; after it the process ends at once, with exit code 1.',
    schema: wholeNumber(100, 3_600_000),
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

/** Checked settings of a service. */
export interface ServiceConfig {
  readonly parts: LakeParts
  readonly commitInterval_ms: number
  readonly batch_rows: number
  readonly batch_bytes: number
  readonly keySet_bytes: number
  readonly memory_bytes: number
  readonly threads: number
  readonly adopt: boolean
  readonly logLevel: (typeof LOG_LEVELS)[number]
  readonly grace_ms: number
}

/** Reads the environment. Throws a UsageError `bad_configuration` that lists every mistake, one a line. */
export function readConfig(env: Environment): ServiceConfig {
  const { values, mistakes } = readSettings(SETTINGS, env, Object.keys(SETTINGS))
  const parts = lakeParts(values, mistakes)
  if (mistakes.length > 0 || !parts) throw badConfiguration(mistakes)
  return {
    parts,
    commitInterval_ms: values.ASSAY_COMMIT_INTERVAL_MS,
    batch_rows: values.ASSAY_BATCH_ROWS,
    batch_bytes: values.ASSAY_BATCH_BYTES,
    keySet_bytes: values.ASSAY_KEY_SET_BYTES,
    memory_bytes: values.ASSAY_MEMORY_BYTES,
    threads: values.ASSAY_THREADS,
    adopt: values.ASSAY_ADOPT,
    logLevel: values.ASSAY_LOG_LEVEL,
    grace_ms: values.ASSAY_GRACE_MS,
  }
}

/** Reads only what says on which parts a lake stands; `location` takes the place of ASSAY_LAKE. Throws as `readConfig`. */
export function readLakeParts(env: Environment, location: string | undefined): LakeParts {
  const given = location === undefined ? env : { ...env, ASSAY_LAKE: location }
  const { values, mistakes } = readSettings(PARTS_SETTINGS, given, Object.keys(SETTINGS))
  const parts = lakeParts(values, mistakes)
  if (mistakes.length > 0 || !parts) throw badConfiguration(mistakes)
  return parts
}
