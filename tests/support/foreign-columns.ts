import type { ParquetField } from '@assay/engine'
import {
  commit,
  currentSchema,
  dataFile,
  type IcebergType,
  type NestedField,
  type Schema,
  type TableMetadata,
} from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import type { LakeTable } from '@assay/pipeline'
import { expect } from 'vitest'

/** What another engine does to a table: any change of its newest metadata. */
export async function changeMetadata(
  { table }: LakeTable,
  change: (metadata: TableMetadata) => TableMetadata,
): Promise<void> {
  const base = await table.load()
  expect((await table.catalog.compareAndSwap(table.name, base, change(base.metadata))).kind).toBe('committed')
}

/** A new current schema of these fields. */
export async function changeColumns(
  table: LakeTable,
  change: (fields: readonly NestedField[]) => readonly NestedField[],
): Promise<void> {
  await changeMetadata(table, (metadata) => {
    const before = currentSchema(metadata)
    const schema: Schema = { ...before, schemaId: metadata.schemas.length + 100, fields: change(before.fields) }
    return { ...metadata, schemas: [...metadata.schemas, schema], currentSchemaId: schema.schemaId }
  })
}

/** Numbers the fields from here on, nested ones too, and adds them. */
export async function addColumns(
  table: LakeTable,
  fields: readonly Omit<NestedField, 'id' | 'required'>[],
): Promise<void> {
  await changeMetadata(table, (metadata) => {
    let last = metadata.lastColumnId
    const next = (): number => ++last
    const numbered = (type: IcebergType): IcebergType => {
      if (typeof type === 'string') return type
      if (type.kind === 'list') return { ...type, elementId: next(), element: numbered(type.element) }
      if (type.kind === 'map') {
        return { ...type, keyId: next(), valueId: next(), key: numbered(type.key), value: numbered(type.value) }
      }
      return { kind: 'struct', fields: type.fields.map((one) => ({ ...one, id: next(), type: numbered(one.type) })) }
    }
    const added = fields.map((one) => ({ ...one, required: false, id: next(), type: numbered(one.type) }))
    const before = currentSchema(metadata)
    const schema: Schema = { ...before, schemaId: metadata.schemas.length + 100, fields: [...before.fields, ...added] }
    return { ...metadata, lastColumnId: last, schemas: [...metadata.schemas, schema], currentSchemaId: schema.schemaId }
  })
}

export const struct = (...fields: readonly (readonly [name: string, type: IcebergType])[]): IcebergType => ({
  kind: 'struct',
  fields: fields.map(([name, type]) => ({ id: 0, name, required: false, type })),
})
export const listOf = (element: IcebergType): IcebergType => ({
  kind: 'list',
  elementId: 0,
  elementRequired: false,
  element,
})
export const mapOf = (key: IcebergType, value: IcebergType): IcebergType => ({
  kind: 'map',
  keyId: 0,
  valueId: 0,
  valueRequired: false,
  key,
  value,
})

function parquetField({ id, name, type }: Pick<NestedField, 'id' | 'name' | 'type'>): ParquetField {
  if (typeof type === 'string') return { id, name, type: type === 'string' ? 'VARCHAR' : type.toUpperCase() }
  const children =
    type.kind === 'struct'
      ? type.fields
      : type.kind === 'list'
        ? [{ id: type.elementId, name: 'element', type: type.element }]
        : [
            { id: type.keyId, name: 'key', type: type.key },
            { id: type.valueId, name: 'value', type: type.value },
          ]
  return { id, name, type: '', children: children.map(parquetField) }
}

/** Appends a file of the current schema as another engine writes it: `select` names the columns that it has. */
export async function appendForeign(
  lake: Lake,
  { table, store }: LakeTable,
  select: string,
  columns: readonly string[],
  { specId, partition }: { readonly specId: number; readonly partition: readonly (string | number | null)[] },
): Promise<void> {
  const session = await (await lake.engine()).session()
  const version = await table.load()
  const schema = currentSchema(version.metadata)
  const fields = columns.map((name) => parquetField(schema.fields.find((field) => field.name === name) as NestedField))
  const path = `${await store.scratchDirectory()}/${lake.random.uuid()}.parquet`
  const written = await session.writeParquet({ select, path, fields })
  await session.close()
  const place = table.newDataFile(version, partition, specId)
  await store.putFile(place.key, path)
  const file = dataFile(schema, {
    path: place.path,
    specId,
    partition,
    recordCount: written.rows,
    size_bytes: written.size_bytes,
    columns: new Map(),
  })
  const outcome = await commit(table, {
    prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: [file] } }),
  })
  expect(outcome.kind).toBe('committed')
}
