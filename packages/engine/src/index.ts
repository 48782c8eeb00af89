export { type AllowedFiles, type Analyst, openAnalyst, type QueryParam } from './analyst/analyst.js'
export type { AnswerChunk, AnswerColumn, AnswerStream } from './analyst/answer-stream.js'
export { MEMORY_HINT, tooWide } from './analyst/query-error.js'
export type { GatedStatement } from './analyst/statement-gate.js'
export type { IntervalValue, PlainValue, TimeUnit, ValueType } from './analyst/value-type.js'
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
