import { currentSchema, type TableMetadata } from '../format/metadata.js'
import type { PartitionField, PartitionSpec } from '../format/partition.js'
import type { IcebergType, NestedField, Schema } from '../format/schema.js'

/**
 * The metadata with columns added at the end of the current schema. Every id is new to the table: rows of older
 * files have no value for them. An added column is optional, whatever it is described as.
 */
export function withColumns(base: TableMetadata, columns: readonly NestedField[], now_ms: number): TableMetadata {
  let lastColumnId = base.lastColumnId
  const next = (): number => {
    lastColumnId += 1
    return lastColumnId
  }
  const tops = columns.map((column) => ({ ...column, id: next(), required: false }))
  const added = tops.map((column) => ({ ...column, type: freshType(column.type, next) }))
  const before = currentSchema(base)
  const schema: Schema = {
    ...before,
    schemaId: 1 + Math.max(...base.schemas.map(({ schemaId }) => schemaId)),
    fields: [...before.fields, ...added],
  }
  return {
    ...base,
    lastUpdated_ms: Math.max(Math.floor(now_ms), base.lastUpdated_ms),
    lastColumnId,
    schemas: [...base.schemas, schema],
    currentSchemaId: schema.schemaId,
  }
}

function freshType(type: IcebergType, next: () => number): IcebergType {
  if (typeof type === 'string') return type
  switch (type.kind) {
    case 'struct': {
      const fields = type.fields.map((field) => ({ ...field, id: next() }))
      return { kind: 'struct', fields: fields.map((field) => ({ ...field, type: freshType(field.type, next) })) }
    }
    case 'list':
      return { ...type, elementId: next(), element: freshType(type.element, next) }
    case 'map':
      return {
        ...type,
        keyId: next(),
        valueId: next(),
        key: freshType(type.key, next),
        value: freshType(type.value, next),
      }
  }
}

/**
 * The spec that partitions by these columns' values, in this order: the table's default if it does, else the newest
 * that does. Files may be written for any spec of a table, so another engine's default stands in nobody's way.
 */
export function identitySpecOf(metadata: TableMetadata, sourceIds: readonly number[]): PartitionSpec | undefined {
  const wanted = JSON.stringify(sourceIds.map((id) => [id, 'identity']))
  const fits = ({ fields }: PartitionSpec): boolean =>
    JSON.stringify(fields.map(({ sourceId, transform }) => [sourceId, transform])) === wanted
  const fitting = metadata.partitionSpecs.filter(fits)
  return fitting.find(({ specId }) => specId === metadata.defaultSpecId) ?? fitting.at(-1)
}

/** The metadata with a spec of these columns' values as its default; older files keep theirs. */
export function withIdentitySpec(base: TableMetadata, sources: readonly NestedField[], now_ms: number): TableMetadata {
  let lastPartitionId = base.lastPartitionId
  const known = base.partitionSpecs.flatMap(({ fields }) => fields)
  const fields = sources.map(({ id, name }): PartitionField => {
    const same = known.find(({ sourceId, transform }) => sourceId === id && transform === 'identity')
    if (same) return same
    lastPartitionId += 1
    return { sourceId: id, fieldId: lastPartitionId, name, transform: 'identity' }
  })
  const spec = { specId: 1 + Math.max(...base.partitionSpecs.map(({ specId }) => specId)), fields }
  return {
    ...base,
    lastUpdated_ms: Math.max(Math.floor(now_ms), base.lastUpdated_ms),
    lastPartitionId,
    partitionSpecs: [...base.partitionSpecs, spec],
    defaultSpecId: spec.specId,
  }
}
