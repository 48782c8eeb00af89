import { AssayError } from '@assay/core'
import type { Catalog } from '../catalog/catalog.js'
import { type TableMetadata, UNSORTED } from '../format/metadata.js'
import { LAST_PARTITION_ID_NONE, type PartitionSpec, partitionColumns } from '../format/partition.js'
import { greatestFieldId, type NestedField, type Schema } from '../format/schema.js'
import { Table, type TableDependencies } from '../table/table.js'
import { matchTable } from './evolve-table.js'

export interface TableDescription {
  readonly fields: readonly NestedField[]
  /** Columns to partition by, in order: their values as they are. */
  readonly partitionBy: readonly string[]
  readonly properties?: Readonly<Record<string, string>>
}

/**
 * Opens the table, making it first if there is none. One that is there has ids of its own, may have other columns
 * and lack some of these, which `evolveTable` adds. Throws `table_incompatible` when a described column has another
 * type there, or was renamed or dropped.
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
  if (existing) matchTable(name, existing.metadataLocation, existing.metadata, description)
  else {
    const { location } = await catalog.newLocation(name)
    const metadata = newMetadata(location, schema, spec, description, dependencies)
    if ((await catalog.create(name, metadata)) === 'exists') {
      const other = await catalog.load(name)
      if (other) matchTable(name, other.metadataLocation, other.metadata, description)
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
  partitionColumns(spec, [schema], location)
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
