export { loadCompress } from './compression/compress.js'
export type { ColumnField, ParquetType } from './format/schema.js'
export { checkPageChecksums, type PageChecksums } from './page-checksums.js'
export { type ParquetFile, ParquetWriter } from './parquet-writer.js'
