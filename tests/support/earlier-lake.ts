import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { defineColumns, type TableDefinition } from '@assay/pipeline'

/** Puts the lake that an earlier version left into a folder. */
export function unpackLake(version: string, folder: string): string {
  const packed = readFileSync(join(import.meta.dirname, `../fixtures/lakes/lake-${version}.jsonl.gz`))
  for (const line of gunzipSync(packed).toString().split('\n')) {
    const [path, bytes] = JSON.parse(line) as [string, string]
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), Buffer.from(bytes, 'base64'))
  }
  return folder
}

/** The definition of a later version: a list more at its end, and `partitionBy` below its own partitions. */
export function withOneMore(definition: TableDefinition, partitionBy: readonly string[] = []): TableDefinition {
  const specs = definition.columns.map(({ name, type }) => [name, type] as const)
  return {
    ...definition,
    columns: defineColumns([...specs, ['one_more', 'list<string>']]),
    partitionBy: [...definition.partitionBy, ...partitionBy],
  }
}
