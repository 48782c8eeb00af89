export { type AsOf, parseAsOf } from './as-of.js'
export { openQuery, type Query, type QueryResult } from './open-query.js'
