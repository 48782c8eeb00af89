export { type Analyst, type AnalystOptions, openAnalyst, type QueryParam } from './analyst.js'
export { type Engine, type EngineOptions, openEngine } from './engine.js'
export type { StatValue } from './parquet-stats.js'
export type {
  ParquetField,
  WriteColumnsRequest,
  WriteParquetRequest,
  WrittenColumn,
  WrittenParquet,
} from './parquet-writer.js'
export { type BytesResultColumn, columnOf, type ResultChunk, type ResultColumn } from './result-chunk.js'
export type { QueryColumn, QueryResult } from './row-reader.js'
export type { Session } from './session.js'
export { quoteIdentifier, quoteText } from './sql-text.js'
