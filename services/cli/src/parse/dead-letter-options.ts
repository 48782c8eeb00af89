import { AssayError, systemClock } from '@assay/core'
import { type DeadLetterFilter, DLQ_ARCHIVE_TABLE, DLQ_TABLE } from '@assay/medallion'
import { ERROR_TYPES, type ErrorType } from '@assay/rules'
import type { Command } from 'commander'
import { ListedOption } from './listed-option.js'
import type { OptionReader } from './options.js'
import { parseDateRange, parseSince } from './times.js'

/** The tables that hold dead letters. */
const QUEUES = [DLQ_TABLE.name, DLQ_ARCHIVE_TABLE.name]

export interface FilterOptions {
  readonly sourceTable: string
  readonly dateRange?: string
  readonly errorTypes?: string
  readonly rejectedSince?: string
}

/** Adds the options that choose dead letters. */
export function addFilterOptions(command: Command): Command {
  return command
    .addOption(new ListedOption('--source-table <table>', QUEUES.join(' or '), QUEUES).default(DLQ_TABLE.name))
    .option('--date-range <days>', 'D or D..D: the days of the Kafka timestamps (dlq_date)')
    .option('--error-types <list>', 'only these, as price_validation,side_validation')
    .option('--rejected-since <time>', 'rejected since then: 30m, 24h, 7d, or a time')
}

/** The filter that the options ask for; mistakes stay with the reader. */
export function readFilter(reader: OptionReader, options: FilterOptions): DeadLetterFilter {
  reader.choice('source-table', options.sourceTable, QUEUES)
  const dates = reader.parsed('--date-range', options.dateRange, parseDateRange)
  const errorTypes = reader.parsed('--error-types', options.errorTypes, parseErrorTypes)
  const rejectedSince_ms = reader.parsed('--rejected-since', options.rejectedSince, (text) =>
    parseSince(text, systemClock.now_ms()),
  )
  return {
    ...(dates && { dates }),
    ...(errorTypes && { errorTypes }),
    ...(rejectedSince_ms !== undefined && { rejectedSince_ms }),
  }
}

/** Error types from a list with commas. Throws `bad_error_types`. */
function parseErrorTypes(text: string): ErrorType[] {
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !ERROR_TYPES.some((type) => type === name))
  if (unknown.length === 0) return ERROR_TYPES.filter((type) => names.includes(type))
  throw new AssayError('bad_error_types', `there is no error type ${unknown.map((name) => `"${name}"`).join(', ')}`, {
    hint: `it takes ${ERROR_TYPES.join(', ')}`,
  })
}
