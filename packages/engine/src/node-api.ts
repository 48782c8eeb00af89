import { createRequire } from 'node:module'
import type * as NodeApi from '@duckdb/node-api'

/** An import would parse each of the package's CommonJS files for the names that it exports: a tenth of a command's start. */
const api: typeof NodeApi = createRequire(import.meta.url)('@duckdb/node-api')

export const {
  DuckDBArrayType,
  DuckDBBlobValue,
  DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBListType,
  DuckDBListValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBResult,
  DuckDBStructType,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTypeId,
} = api
