import { AssayError, DEFECT_HINT } from '@assay/core'
import { greatestSequence } from '../format/invariants.js'
import { type JsonObject, serializeJson } from '../format/json.js'
import { MAIN_BRANCH, type Snapshot, type SnapshotRef, snapshotJson, type TableMetadata } from '../format/metadata.js'
import { specFieldsJson } from '../format/partition.js'
import { greatestFieldId, type Schema, schemaJson } from '../format/schema.js'

/** A change of a table as a REST catalog takes it (Iceberg REST specification, "TableUpdate"). */
type RestUpdate = JsonObject & { readonly action: string }

/** What must still hold when a REST catalog applies updates (Iceberg REST specification, "TableRequirement"). */
type RestRequirement = JsonObject & { readonly type: string }

const STATISTICS = [
  ['statistics', 'remove-statistics'],
  ['partition-statistics', 'remove-partition-statistics'],
] as const

/**
 * The updates that make `next` out of `base`: an added schema and partition spec, which become the table's own;
 * snapshots, refs, properties, and statistics of forgotten snapshots.
 * Logs and times follow from them and are the server's own business. Throws `update_not_expressible` when the two
 * differ in anything else.
 */
export function diffMetadata(base: TableMetadata, next: TableMetadata): readonly RestUpdate[] {
  refuseOtherChanges(base, next)
  const added = addedSnapshots(base, next)
  const kept = new Set(next.snapshots.map(({ snapshotId }) => snapshotId))
  const removed = base.snapshots.filter(({ snapshotId }) => !kept.has(snapshotId)).map(({ snapshotId }) => snapshotId)
  return [
    ...schemaUpdates(base, next),
    ...specUpdates(base, next),
    ...added.map((snapshot) => update('add-snapshot', { snapshot: snapshotJson(snapshot) })),
    ...refUpdates(base.refs, next.refs),
    ...removedStatistics(base, next),
    ...(removed.length === 0 ? [] : [update('remove-snapshots', { 'snapshot-ids': removed })]),
    ...propertyUpdates(base.properties, next.properties),
  ]
}

/**
 * Requirements of a commit on `base`: the same table, main's head where it was, and for rows its current schema, too:
 * there are servers that make the schema of a new snapshot the table's current one, and so would take an added column
 * back. What only adds columns or a spec demands that nobody else has added any: then it may meet with any number of
 * commits of rows.
 */
export function requirementsOf(base: TableMetadata, updates: readonly RestUpdate[]): readonly RestRequirement[] {
  const actions = new Set(updates.map(({ action }) => action))
  const evolves = actions.has('add-schema') || actions.has('add-spec')
  const identity = { type: 'assert-table-uuid', uuid: base.tableUuid }
  const schema = { type: 'assert-current-schema-id', 'current-schema-id': base.currentSchemaId }
  const unchanged = [
    { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': base.lastColumnId },
    schema,
    { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': base.lastPartitionId },
    { type: 'assert-default-spec-id', 'default-spec-id': base.defaultSpecId },
  ]
  if (evolves && !actions.has('add-snapshot')) return [identity, ...unchanged]
  // A snapshot that another ref has come to stand on must not be forgotten.
  const forgets = updates.some(({ action }) => action === 'remove-snapshots')
  const others = forgets ? Object.keys(base.refs).filter((name) => name !== MAIN_BRANCH) : []
  return [
    identity,
    ...(evolves ? unchanged : actions.has('add-snapshot') ? [schema] : []),
    ...[MAIN_BRANCH, ...others].map((ref) => ({
      type: 'assert-ref-snapshot-id',
      ref,
      'snapshot-id': base.refs[ref]?.snapshotId ?? null,
    })),
  ]
}

/**
 * The updates that make a new table, under `assert-create`. An empty schema goes first: some servers hand out
 * field ids of their own for a table's first schema, and the ids in our data files must stay.
 */
export function creationUpdates(metadata: TableMetadata): readonly RestUpdate[] {
  const [schema] = metadata.schemas
  const [spec] = metadata.partitionSpecs
  const [order] = metadata.sortOrders
  if (!schema || !spec || !order) throw new RangeError('a new table has a schema, a partition spec and a sort order')
  const empty: Schema = { schemaId: schema.schemaId, fields: [] }
  const real: Schema = { ...schema, schemaId: schema.schemaId + 1 }
  return [
    update('assign-uuid', { uuid: metadata.tableUuid }),
    update('upgrade-format-version', { 'format-version': 2 }),
    update('add-schema', { schema: schemaJson(empty), 'last-column-id': 0 }),
    update('set-current-schema', { 'schema-id': -1 }),
    update('add-schema', { schema: schemaJson(real), 'last-column-id': greatestFieldId(real) }),
    update('set-current-schema', { 'schema-id': -1 }),
    update('add-spec', { spec: { 'spec-id': spec.specId, fields: specFieldsJson(spec) } }),
    update('set-default-spec', { 'spec-id': -1 }),
    update('add-sort-order', { 'sort-order': order }),
    update('set-default-sort-order', { 'sort-order-id': -1 }),
    update('set-location', { location: metadata.location }),
    ...metadata.snapshots.map((snapshot) =>
      update('add-snapshot', { snapshot: snapshotJson({ ...snapshot, schemaId: real.schemaId }) }),
    ),
    ...refUpdates({}, metadata.refs),
    ...propertyUpdates({}, metadata.properties),
  ]
}

function update(action: string, members: Readonly<Record<string, unknown>>): RestUpdate {
  return { action, ...(members as JsonObject) }
}

/** The server gives the schema its id; -1 is the one that was just added. */
function schemaUpdates(base: TableMetadata, next: TableMetadata): readonly RestUpdate[] {
  const added = addedLast('schemas', base.schemas, next.schemas)
  if (!added) {
    if (base.currentSchemaId !== next.currentSchemaId) throw notExpressible('current-schema-id')
    if (base.lastColumnId !== next.lastColumnId) throw notExpressible('last-column-id')
    return []
  }
  if (next.currentSchemaId !== added.schemaId) throw notExpressible('current-schema-id')
  return [
    update('add-schema', { schema: schemaJson(added), 'last-column-id': next.lastColumnId }),
    update('set-current-schema', { 'schema-id': -1 }),
  ]
}

function specUpdates(base: TableMetadata, next: TableMetadata): readonly RestUpdate[] {
  const added = addedLast('partition-specs', base.partitionSpecs, next.partitionSpecs)
  if (!added) {
    if (base.defaultSpecId !== next.defaultSpecId) throw notExpressible('default-spec-id')
    if (base.lastPartitionId !== next.lastPartitionId) throw notExpressible('last-partition-id')
    return []
  }
  if (next.defaultSpecId !== added.specId) throw notExpressible('default-spec-id')
  return [
    update('add-spec', { spec: { 'spec-id': added.specId, fields: specFieldsJson(added) } }),
    update('set-default-spec', { 'spec-id': -1 }),
  ]
}

/** What `next` has beyond `base`, of which one thing may be added at its end. */
function addedLast<T>(name: string, base: readonly T[], next: readonly T[]): T | undefined {
  if (next.length > base.length + 1 || !base.every((one, i) => same(one, next[i]))) throw notExpressible(name)
  return next[base.length]
}

function addedSnapshots(base: TableMetadata, next: TableMetadata): readonly Snapshot[] {
  const known = new Map(base.snapshots.map((snapshot) => [snapshot.snapshotId, snapshot]))
  const added: Snapshot[] = []
  let sequence = greatestSequence(base)
  for (const snapshot of next.snapshots) {
    const before = known.get(snapshot.snapshotId)
    if (before) {
      if (!same(snapshotJson(before), snapshotJson(snapshot))) throw notExpressible(`snapshot ${snapshot.snapshotId}`)
      continue
    }
    if (snapshot.sequenceNumber <= sequence) throw notExpressible(`the sequence of snapshot ${snapshot.snapshotId}`)
    sequence = snapshot.sequenceNumber
    added.push(snapshot)
  }
  if (next.lastSequenceNumber !== (added.length > 0 ? sequence : base.lastSequenceNumber))
    throw notExpressible('last-sequence-number')
  return added
}

type Refs = Readonly<Record<string, SnapshotRef>>

function refUpdates(base: Refs, next: Refs): readonly RestUpdate[] {
  const changed = Object.entries(next).filter(([name, ref]) => !same(base[name], ref))
  const removed = Object.keys(base).filter((name) => next[name] === undefined)
  return [
    ...changed.map(([name, ref]) =>
      update('set-snapshot-ref', {
        'ref-name': name,
        type: ref.type,
        'snapshot-id': ref.snapshotId,
        ...ref.extra,
      }),
    ),
    ...removed.map((name) => update('remove-snapshot-ref', { 'ref-name': name })),
  ]
}

function propertyUpdates(
  base: Readonly<Record<string, string>>,
  next: Readonly<Record<string, string>>,
): readonly RestUpdate[] {
  const changed = Object.entries(next).filter(([key, value]) => base[key] !== value)
  const removed = Object.keys(base).filter((key) => next[key] === undefined)
  return [
    ...(changed.length === 0 ? [] : [update('set-properties', { updates: Object.fromEntries(changed) })]),
    ...(removed.length === 0 ? [] : [update('remove-properties', { removals: removed })]),
  ]
}

function removedStatistics(base: TableMetadata, next: TableMetadata): readonly RestUpdate[] {
  return STATISTICS.flatMap(([member, action]) => {
    const before = statisticsOf(base, member)
    const known = new Set(before.map((one) => serializeJson(one)))
    const kept = new Set(statisticsOf(next, member).map((one) => serializeJson(one)))
    if ([...kept].some((one) => !known.has(one))) throw notExpressible(member)
    return before
      .filter((one) => !kept.has(serializeJson(one)))
      .map((one) => update(action, { 'snapshot-id': one['snapshot-id'] ?? null }))
  })
}

function statisticsOf({ extra }: TableMetadata, member: string): readonly JsonObject[] {
  const value = extra[member]
  return Array.isArray(value) ? (value as readonly JsonObject[]) : []
}

/** What no commit of ours changes. */
function refuseOtherChanges(base: TableMetadata, next: TableMetadata): void {
  const members = (metadata: TableMetadata) => ({
    'table-uuid': metadata.tableUuid,
    location: metadata.location,
    'sort-orders': metadata.sortOrders,
    'default-sort-order-id': metadata.defaultSortOrderId,
    'unknown members': { ...metadata.extra, statistics: null, 'partition-statistics': null },
  })
  const after: Readonly<Record<string, unknown>> = members(next)
  for (const [name, before] of Object.entries(members(base))) {
    if (!same(before, after[name])) throw notExpressible(name)
  }
  if (next.currentSnapshotId !== next.refs[MAIN_BRANCH]?.snapshotId) throw notExpressible('current-snapshot-id')
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (a !== undefined && b !== undefined && serializeJson(a) === serializeJson(b))
}

function notExpressible(what: string): AssayError {
  return new AssayError('update_not_expressible', `a commit changes ${what}, which a REST catalog cannot be told`, {
    hint: DEFECT_HINT,
  })
}

/** The text of a commit request, ids as plain integers. */
export function commitRequest(
  namespace: string,
  name: string,
  requirements: readonly RestRequirement[],
  updates: readonly RestUpdate[],
): string {
  return serializeJson({ identifier: { namespace: [namespace], name }, requirements, updates })
}
