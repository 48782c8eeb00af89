import { UsageError } from '@assay/core'
import { DEFAULT_LIMITS } from '@assay/medallion'
import { closest, distance } from 'fastest-levenshtein'
import { z } from 'zod'
import { DEFAULT_KEY_SET_BYTES, DEFAULT_MEMORY_BYTES } from './defaults.js'

const MIB = 2 ** 20

/** One environment variable that services read. */
export interface Setting<T> {
  /** Text that is read when the variable is not set. */
  readonly fallback: string
  /** What values it takes, for people. */
  readonly accepts: string
  /** What it does, in a sentence. */
  readonly means: string
  readonly schema: z.ZodType<T, string>
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** Every setting of the bronze, silver and gold services. Each takes all of them, so that one environment serves all. */
export const SETTINGS = {
  ASSAY_LAKE: {
    fallback: './lake',
    accepts: 'a folder',
    means: 'Where the lake is; it is made if it is missing.',
    schema: z
      .string()
      .min(1, 'must name a folder')
      .refine((text) => !text.includes('://'), 'must be a folder: object stores are not available in this version'),
  },
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
    schema: z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true'),
  },
  ASSAY_LOG_LEVEL: {
    fallback: 'info',
    accepts: LOG_LEVELS.join(', '),
    means: 'The least level that is logged; each commit is logged at debug.',
    schema: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`),
  },
  ASSAY_GRACE_MS: {
    fallback: '10000',
    accepts: '100 to 3600000',
    means: 'Time that a graceful stop may take; after it the process ends at once, with exit code 1.',
    schema: wholeNumber(100, 3_600_000),
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>

type Name = keyof typeof SETTINGS
type Parsed = { [K in Name]: z.output<(typeof SETTINGS)[K]['schema']> | undefined }

/** Checked settings of a service. */
export interface ServiceConfig {
  readonly lake: string
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

const PREFIX = 'ASSAY_'
const NAMES = Object.keys(SETTINGS)
/** A name that differs by more letters is another word, not a slip. */
const SLIP_LETTERS_MAX = 6

/** Reads the environment. Throws a UsageError `bad_configuration` that lists every mistake, one a line. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): ServiceConfig {
  const mistakes = Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !NAMES.includes(name))
    .map(unknownName)
  const read = <K extends Name>(name: K): Parsed[K] => {
    const { schema, fallback }: Setting<unknown> = SETTINGS[name]
    const text = env[name] ?? fallback
    const outcome = schema.safeParse(text)
    if (outcome.success) return outcome.data as Parsed[K]
    mistakes.push(`${name} ${outcome.error.issues[0]?.message ?? 'is wrong'}, not ${JSON.stringify(text)}`)
    return undefined
  }
  const config = {
    lake: read('ASSAY_LAKE'),
    commitInterval_ms: read('ASSAY_COMMIT_INTERVAL_MS'),
    batch_rows: read('ASSAY_BATCH_ROWS'),
    batch_bytes: read('ASSAY_BATCH_BYTES'),
    keySet_bytes: read('ASSAY_KEY_SET_BYTES'),
    memory_bytes: read('ASSAY_MEMORY_BYTES'),
    threads: read('ASSAY_THREADS'),
    adopt: read('ASSAY_ADOPT'),
    logLevel: read('ASSAY_LOG_LEVEL'),
    grace_ms: read('ASSAY_GRACE_MS'),
  }
  if (mistakes.length === 0) return config as ServiceConfig
  throw new UsageError('bad_configuration', mistakes.join('\n'), {
    hint: 'docs/configuration.md lists every setting and what it takes',
  })
}

function unknownName(name: string): string {
  const nearest = closest(name, NAMES)
  if (distance(name, nearest) > SLIP_LETTERS_MAX) return `${name} is not a setting`
  return `${name} is not a setting; did you mean ${nearest}?`
}

function wholeNumber(least: number, most: number): z.ZodType<number, string> {
  const message = `must be a whole number from ${least} to ${most}`
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= least && value <= most, message)
}
