import { exchanges } from '@assay/exchanges'
import { DEFAULT_LIMITS } from '@assay/pipeline'
import { z } from 'zod'
import { DEFAULT_COMMIT_INTERVAL_MS, DEFAULT_KEY_SET_BYTES, DEFAULT_MEMORY_BYTES } from './defaults.js'
import { flag, oneOf, optionalText, type Setting, wholeNumber } from './setting.js'

const MIB = 2 ** 20
const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
const KNOWN = exchanges.map(({ name }) => name)

/** What the services themselves take. */
export const SERVICE_SETTINGS = {
  ASSAY_EXCHANGES: {
    fallback: KNOWN.join(','),
    accepts: `names with commas between: ${KNOWN.join(', ')}`,
    means: 'The exchanges that this service works on.',
    schema: z
      .string()
      .superRefine((text, context) => {
        const unknown = text.split(',').filter((name) => !KNOWN.includes(name))
        if (unknown.length === 0) return
        const names = unknown.map((name) => JSON.stringify(name)).join(', ')
        context.addIssue({
          code: 'custom',
          message: `names ${names}; known are ${KNOWN.join(', ')}: it must be some of these`,
        })
      })
      .transform((text): readonly string[] => [...new Set(text.split(','))]),
  },
  ASSAY_HTTP_HOST: {
    fallback: '127.0.0.1',
    accepts: 'an address of this machine',
    means: 'Where /livez, /readyz, /metrics and the ingest are served. In a container: 0.0.0.0.',
    schema: z.string().regex(/^[0-9A-Za-z.:_-]{1,255}$/, 'must be an address or a name of a host'),
  },
  ASSAY_HTTP_PORT: {
    fallback: '0',
    accepts: '0 to 65535',
    means: 'Port of it. 0 takes a free one, which is logged.',
    schema: wholeNumber(0, 65_535),
  },
  ASSAY_COMMIT_INTERVAL_MS: {
    fallback: String(DEFAULT_COMMIT_INTERVAL_MS),
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
    means: 'Memory that the SQL engine may take; beyond it, it spills to disk.',
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
  ASSAY_RULES_FILE: {
    fallback: '',
    accepts: 'a file',
    means: 'Rules for silver to judge by instead of the built-in ones, as "assay rules list --json" prints them.',
    schema: optionalText,
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
