import { AssayError } from '@assay/core'
import type { Catalog } from '../catalog/catalog.js'
import { currentSchema, defaultSpec, type TableMetadata, UNSORTED } from '../format/metadata.js'
import { LAST_PARTITION_ID_NONE, type PartitionSpec, partitionColumns } from '../format/partition.js'
import { greatestFieldId, type NestedField, type Schema, sameType } from '../format/schema.js'
import { Table, type TableDependencies } from './table.js'

export interface TableDescription {
  readonly fields: readonly NestedField[]
  /** Columns to partition by, in order: their values as they are. */
  readonly partitionBy: readonly string[]
  readonly properties?: Readonly<Record<string, string>>
}

/**
 * Opens the table, making it first if there is none. Throws `table_incompatible` when there is one whose schema
 * lacks a described column, has another type for it, or is partitioned otherwise; columns beyond those are fine.
 */
export async function createTable(
  catalog: Catalog,
  name: string,
  description: TableDescription,
  dependencies: TableDependencies,
): Promise<Table> {
  const schema: Schema = { schemaId: 0, fields: description.fields }
  const spec = identitySpec(schema, description.partitionBy)
  const existing = await catalog.load(name)
  if (existing) checkCompatible(name, existing.metadata, schema, spec)
  else {
    const { location } = await catalog.place(name)
    const metadata = newMetadata(location, schema, spec, description, dependencies)
    if ((await catalog.create(name, metadata)) === 'exists') {
      const other = await catalog.load(name)
      if (other) checkCompatible(name, other.metadata, schema, spec)
    }
  }
  return new Table(catalog, name, dependencies)
}

/** Opens a table that is there. Throws `table_not_found`. */
export async function openTable(catalog: Catalog, name: string, dependencies: TableDependencies): Promise<Table> {
  const table = new Table(catalog, name, dependencies)
  await table.load()
  return table
}

function identitySpec(schema: Schema, partitionBy: readonly string[]): PartitionSpec {
  const fields = partitionBy.map((name, i) => {
    const source = schema.fields.find((field) => field.name === name)
    if (!source || typeof source.type !== 'string') {
      throw new AssayError('unsupported_partition', `"${name}" is no column to partition by`, {
        hint: 'name a top-level column of a primitive type',
      })
    }
    return { sourceId: source.id, fieldId: LAST_PARTITION_ID_NONE + 1 + i, name, transform: 'identity' }
  })
  return { specId: 0, fields }
}

function newMetadata(
  location: string,
  schema: Schema,
  spec: PartitionSpec,
  description: TableDescription,
  { clock, random }: TableDependencies,
): TableMetadata {
  partitionColumns(spec, [schema])
  return {
    tableUuid: random.uuid(),
    location,
    lastSequenceNumber: 0,
    lastUpdated_ms: Math.floor(clock.now_ms()),
    lastColumnId: greatestFieldId(schema),
    schemas: [schema],
    currentSchemaId: schema.schemaId,
    partitionSpecs: [spec],
    defaultSpecId: spec.specId,
    lastPartitionId: LAST_PARTITION_ID_NONE + spec.fields.length,
    sortOrders: [UNSORTED],
    defaultSortOrderId: 0,
    properties: description.properties ?? {},
    snapshots: [],
    currentSnapshotId: undefined,
    refs: {},
    snapshotLog: [],
    metadataLog: [],
    extra: {},
  }
}

function checkCompatible(name: string, metadata: TableMetadata, schema: Schema, spec: PartitionSpec): void {
  const existing = currentSchema(metadata)
  const differing = schema.fields
    .filter((field) => {
      const found = existing.fields.find((one) => one.id === field.id)
      return (
        !found || found.name !== field.name || found.required !== field.required || !sameType(found.type, field.type)
      )
    })
    .map((field) => field.name)
  const shape = (one: PartitionSpec): string =>
    JSON.stringify(one.fields.map((field) => [field.sourceId, field.name, field.transform]))
  if (shape(defaultSpec(metadata)) !== shape(spec)) differing.push('(partitioning)')
  if (differing.length === 0) return
  throw new AssayError('table_incompatible', `table ${name} exists with other columns: ${differing.join(', ')}`, {
    hint: 'choose another lake or table, or bring the existing one to this schema first',
  })
}
