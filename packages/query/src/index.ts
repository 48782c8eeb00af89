export { type AsOf, parseAsOf } from './as-of.js'
export { type Answering, ask } from './ask.js'
export { type AnswerPart, QueryChild, type QueryChildOptions, type Resolver } from './children/query-child.js'
export { QueryPool, type QueryPoolOptions } from './children/query-pool.js'
export { dateOfDays, instantOf } from './encode/times.js'
export { openQuery, type Query, type QueryResult } from './open-query.js'
export { DEFAULT_LIMITS, type QueryLimits } from './protocol/limits.js'
export {
  type HeadColumn,
  type Output,
  type RowCount,
  STREAM_FORMATS,
  type Statement,
  type StreamFormat,
} from './protocol/messages.js'
