import { currentSchema, type TableMetadata } from '../format/metadata.js'
import { decimalParts, type IcebergType, type NestedField, typeText } from '../format/schema.js'

/** Something about a column that a table must be brought out of before it can be used. */
interface ColumnProblem {
  readonly column: string
  /** What is wrong, and the way out, both as parts of a sentence. */
  readonly problem: string
  readonly remedy: string
}

/** Described columns as a table has them, which is by name: ids are the table's own. */
export interface ColumnMatch {
  /** Fields of the table by the column's name, without columns that are missing. */
  readonly fields: ReadonlyMap<string, NestedField>
  readonly missing: readonly NestedField[]
  /** Top-level fields of the current schema that the description does not know. */
  readonly others: readonly NestedField[]
  readonly problems: readonly ColumnProblem[]
}

/**
 * Finds the described columns in the table's current schema. Other columns, and wider types, are lived with. A
 * column whose name the table had before is not missing but renamed or dropped: adding it anew would hide its values.
 */
export function matchColumns(metadata: TableMetadata, described: readonly NestedField[]): ColumnMatch {
  const current = currentSchema(metadata).fields
  const byName = new Map(current.map((field) => [field.name, field]))
  const fields = new Map<string, NestedField>()
  const missing: NestedField[] = []
  const problems: ColumnProblem[] = []
  for (const column of described) {
    const found = byName.get(column.name)
    const problem = found
      ? (whenRenamed(metadata, column, found) ?? whenUnfit(column, found))
      : whenLost(metadata, described, column)
    if (problem) problems.push({ column: column.name, ...problem })
    else if (found) fields.set(column.name, found)
    else missing.push(column)
  }
  const names = new Set(described.map(({ name }) => name))
  const others = current.filter(({ name }) => !names.has(name))
  for (const { name } of others.filter(({ required }) => required)) {
    const remedy = `make it optional (ALTER TABLE … ALTER COLUMN ${name} DROP NOT NULL)`
    problems.push({ column: name, problem: 'is required, and Assay has no values for it', remedy })
  }
  return { fields, missing, others, problems }
}

type Problem = Omit<ColumnProblem, 'column'>

function whenUnfit(column: NestedField, found: NestedField): Problem | undefined {
  if (!admits(found.type, column.type)) {
    return {
      problem: `is of type ${typeText(found.type)}, where Assay has ${typeText(column.type)}`,
      remedy: `give the table's column another name (ALTER TABLE … RENAME COLUMN ${column.name} TO …)`,
    }
  }
  if (found.required && !column.required) {
    return {
      problem: 'is required, and Assay may have no value for it',
      remedy: `make it optional (ALTER TABLE … ALTER COLUMN ${column.name} DROP NOT NULL)`,
    }
  }
  return undefined
}

/** The name belongs to another column now, and the one that it used to name is still there. */
function whenRenamed(metadata: TableMetadata, column: NestedField, found: NestedField): Problem | undefined {
  const ids = idsUnder(metadata, column.name)
  const before = currentSchema(metadata).fields.find(({ id }) => id !== found.id && ids.has(id))
  return before && renamed(column.name, before.name)
}

function renamed(from: string, to: string): Problem {
  return {
    problem: `was renamed to ${to}`,
    remedy: `rename it back (ALTER TABLE … RENAME COLUMN ${to} TO ${from})`,
  }
}

/** Why a column that is not in the current schema must not be added; undefined when it may be. */
function whenLost(
  metadata: TableMetadata,
  described: readonly NestedField[],
  column: NestedField,
): Problem | undefined {
  const current = currentSchema(metadata).fields
  const twin = current.find(({ name }) => name.toLowerCase() === column.name.toLowerCase())
  if (twin) {
    return {
      problem: `cannot be added beside ${twin.name}: most engines do not tell the two apart`,
      remedy: `give the table's column another name (ALTER TABLE … RENAME COLUMN ${twin.name} TO …)`,
    }
  }
  const ids = idsUnder(metadata, column.name)
  // Where the history of schemas was cut: a column with the id of its creation behind it shows that it was there.
  if (ids.size === 0 && wasCreatedWith(current, described, column)) ids.add(column.id)
  if (ids.size === 0) return undefined
  const other = current.find(({ id }) => ids.has(id))
  if (other) return renamed(column.name, other.name)
  return {
    problem: 'was dropped',
    remedy: `add it again, to go on without its former values (ALTER TABLE … ADD COLUMN ${column.name} ${typeText(column.type)})`,
  }
}

/** Ids that a top-level name has had in the table's schemas. */
function idsUnder({ schemas }: TableMetadata, name: string): Set<number> {
  return new Set(schemas.flatMap(({ fields }) => fields.filter((field) => field.name === name).map(({ id }) => id)))
}

function wasCreatedWith(
  current: readonly NestedField[],
  described: readonly NestedField[],
  column: NestedField,
): boolean {
  const later = described.slice(described.indexOf(column) + 1)
  return later.some(({ name, id }) => current.some((field) => field.name === name && field.id === id))
}

/** True when every value of the described type is one of the table's: the same type, or a promoted one. */
function admits(table: IcebergType, described: IcebergType): boolean {
  if (typeof table === 'string' || typeof described === 'string') {
    return typeof table === 'string' && typeof described === 'string' && admitsPrimitive(table, described)
  }
  if (table.kind === 'list' && described.kind === 'list') return admits(table.element, described.element)
  if (table.kind === 'map' && described.kind === 'map') {
    return admits(table.key, described.key) && admits(table.value, described.value)
  }
  if (table.kind !== 'struct' || described.kind !== 'struct') return false
  return described.fields.every((field) => {
    const found = table.fields.find(({ name }) => name === field.name)
    return found !== undefined && admits(found.type, field.type)
  })
}

function admitsPrimitive(table: string, described: string): boolean {
  if (table === described) return true
  if (described === 'int') return table === 'long'
  if (described === 'float') return table === 'double'
  const [wide, narrow] = [decimalParts(table), decimalParts(described)]
  return wide !== undefined && narrow !== undefined && wide.scale === narrow.scale && wide.precision >= narrow.precision
}
