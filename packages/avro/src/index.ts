export { type DecodedColumns, type DecodedField, decodedField, newDecodedColumns } from './columns.js'
export { type ColumnDecoder, compileColumnDecoder } from './decoder.js'
export { compileEncoder, type RecordEncoder } from './encoder.js'
