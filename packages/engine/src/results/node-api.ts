import { createRequire } from 'node:module'
import type * as NodeApi from '@duckdb/node-api'

/**
 * An import would parse each of the package's CommonJS files for the names that it exports: a tenth of a command's
 * start.
 */
const api: typeof NodeApi = createRequire(import.meta.url)('@duckdb/node-api')

export const {
  DuckDBArrayType,
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBDecimalType,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListType,
  DuckDBListValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBResult,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  DuckDBTypeId,
} = api
