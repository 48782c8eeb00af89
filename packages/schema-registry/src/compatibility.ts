import { UsageError } from '@assay/core'
import avsc, { type Type } from 'avsc'

const DIFFERENCES_MAX = 20

/**
 * Throws `schema_incompatible`, naming the fields, unless data written with `latest` can be read with `schema`
 * (compatibility BACKWARD). The latest may be anything that a registry accepts; where it can't be compared here, the
 * registry's own check decides.
 */
export function checkCompatible(subject: string, schema: string, latest: string): void {
  const differences = findDifferences(schema, latest)
  if (differences.length > 0) throw incompatible(subject, differences)
}

export function incompatible(subject: string, differences: readonly string[]): UsageError {
  const shown = differences.slice(0, DIFFERENCES_MAX).join('; ')
  return new UsageError('schema_incompatible', `the schema can't follow the latest one of ${subject}: ${shown}`, {
    hint: 'records in the log must stay readable: give new fields a default, keep names and widen types only, or use another topic',
  })
}

/** What keeps the reader from reading the writer's data; empty when nothing does. */
function findDifferences(readerSchema: string, writerSchema: string): string[] {
  // Logical types don't change how bytes are read, and some of avsc's resolve in no way at all.
  const parse = (json: unknown): Type => avsc.Type.forSchema(json as avsc.Schema, { logicalTypes: {} })
  const found: string[] = []
  const reader = parse(JSON.parse(readerSchema))
  let writer: Type
  try {
    writer = parse(layoutOf(JSON.parse(writerSchema)))
  } catch {
    return []
  }
  compare(reader, writer, '', found, new Set())
  return found
}

/** Whether data written with either schema has the same bytes. False where the other can't be parsed. */
export function isSameLayout(schema: string, other: string): boolean {
  const canonical = (text: string): string =>
    JSON.stringify(avsc.Type.forSchema(layoutOf(JSON.parse(text)) as avsc.Schema).schema())
  try {
    return canonical(schema) === canonical(other)
  } catch {
    return false
  }
}

/** What of a schema says how bytes are laid out, with names as strict readers want them. */
function layoutOf(json: unknown): unknown {
  if (typeof json === 'string') return json.replace(/[^A-Za-z0-9_.]/g, '_')
  if (Array.isArray(json)) return json.map(layoutOf)
  if (typeof json !== 'object' || json === null) return json
  const kept = Object.entries(json).filter(([key]) => LAYOUT.has(key))
  return Object.fromEntries(kept.map(([key, value]) => [key, layoutOf(value)]))
}

const LAYOUT = new Set(['type', 'name', 'namespace', 'fields', 'items', 'values', 'symbols', 'size'])

/** avsc decides; the walk only finds the place. */
function compare(reader: Type, writer: Type, place: string, found: string[], above: Set<Type>): void {
  const problem = resolutionProblem(reader, writer)
  if (problem === undefined || above.has(reader)) return
  const before = found.length
  const inner = new Set(above).add(reader)
  if (isRecord(reader) && isRecord(writer) && reader.name === writer.name) {
    compareFields(reader, writer, place, found, inner)
  } else if (isArray(reader) && isArray(writer)) {
    compare(reader.itemsType, writer.itemsType, `${place}[]`, found, inner)
  } else if (isMap(reader) && isMap(writer)) {
    compare(reader.valuesType, writer.valuesType, `${place}{}`, found, inner)
  }
  if (found.length > before) return
  const where = place === '' ? 'the schema' : `field ${place}`
  found.push(`${where} was ${describe(writer)} and is ${describe(reader)}${detail(reader, writer, problem)}`)
}

function compareFields(
  reader: avsc.types.RecordType,
  writer: avsc.types.RecordType,
  place: string,
  found: string[],
  above: Set<Type>,
): void {
  for (const field of reader.fields) {
    const name = place === '' ? field.name : `${place}.${field.name}`
    const names = [field.name, ...field.aliases]
    const written = writer.fields.find((candidate) => names.includes(candidate.name))
    if (written) compare(field.type, written.type, name, found, above)
    else if (field.defaultValue() === undefined) found.push(`field ${name} is new and has no default`)
  }
}

function resolutionProblem(reader: Type, writer: Type): string | undefined {
  try {
    reader.createResolver(writer)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function describe(type: Type): string {
  if (avsc.Type.isType(type, 'union'))
    return `one of ${(type as avsc.types.UnwrappedUnionType).types.map(describe).join(', ')}`
  const { name } = type
  return name === undefined || name === type.typeName ? type.typeName : `${type.typeName} ${name}`
}

/** For types that look the same when described: enums that lack symbols, fixed of another size. */
function detail(reader: Type, writer: Type, problem: string): string {
  return describe(reader) === describe(writer) ? ` (${problem.slice(0, 200)})` : ''
}

function isRecord(type: Type): type is avsc.types.RecordType {
  return avsc.Type.isType(type, 'record')
}

function isArray(type: Type): type is avsc.types.ArrayType {
  return avsc.Type.isType(type, 'array')
}

function isMap(type: Type): type is avsc.types.MapType {
  return avsc.Type.isType(type, 'map')
}
