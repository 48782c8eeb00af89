import { describe, expect, it } from 'vitest'
import { checkManifestList } from '../src/format/invariants.js'
import { serializeMetadata, type TableMetadata } from '../src/format/metadata.js'
import { brokenInvariants, commit, currentSnapshot, FileSystemCatalog, parseMetadata } from '../src/index.js'
import { append, livePaths, openWorld, putDataFile, type World } from './support.js'

async function three(): Promise<World> {
  const world = await openWorld()
  for (let i = 0; i < 3; i += 1) await append(world.table, [await putDataFile(world.table)])
  return world
}

/** Puts changed metadata in the place of the newest file and opens the table as another process would. */
async function reread(world: World, change: (json: Record<string, unknown>) => void): Promise<() => Promise<unknown>> {
  const { metadata, token } = await world.table.load()
  const json = JSON.parse(serializeMetadata(metadata))
  change(json)
  const key = `tables/test/trades/metadata/v${token}.metadata.json`
  await world.store.put(key, Buffer.from(JSON.stringify(json)))
  const catalog = new FileSystemCatalog(world.store, 'tables/test', { clock: world.clock, random: world.table.random })
  return () => catalog.load('trades')
}

type Snapshots = { 'snapshot-id': number; 'sequence-number': number; 'timestamp-ms': number; 'schema-id': number }[]

describe('A12: the rules of the format, when metadata is read', () => {
  it.each<[string, (json: Record<string, unknown>) => void]>([
    ['snapshots', (json) => (json.snapshots as Snapshots).push((json.snapshots as Snapshots)[0] as Snapshots[number])],
    [
      'snapshots\\[1\\]\\.sequence-number',
      (json) => Object.assign((json.snapshots as Snapshots)[1] ?? {}, { 'sequence-number': 1 }),
    ],
    [
      'snapshots\\[0\\]\\.sequence-number',
      (json) => Object.assign((json.snapshots as Snapshots)[0] ?? {}, { 'sequence-number': -1 }),
    ],
    [
      'snapshots\\[2\\]\\.timestamp-ms',
      (json) => Object.assign((json.snapshots as Snapshots)[2] ?? {}, { 'timestamp-ms': -1 }),
    ],
    ['last-updated-ms', (json) => Object.assign(json, { 'last-updated-ms': Date.UTC(10_000, 0, 1) })],
    ['last-sequence-number', (json) => Object.assign(json, { 'last-sequence-number': Number.MAX_SAFE_INTEGER })],
    ['refs\\.eod', (json) => Object.assign(json.refs as object, { eod: { 'snapshot-id': 5, type: 'tag' } })],
    [
      'refs\\.main',
      (json) => Object.assign(json, { 'current-snapshot-id': (json.snapshots as Snapshots)[0]?.['snapshot-id'] }),
    ],
    ['last-column-id', (json) => Object.assign(json, { 'last-column-id': 2 })],
    ['schemas', (json) => (json.schemas as unknown[]).push((json.schemas as unknown[])[0])],
    [
      'partition-specs',
      (json) => (json['partition-specs'] as unknown[]).push((json['partition-specs'] as unknown[])[0]),
    ],
  ])('%s that cannot be stops, and table, file and field are named', async (field, change) => {
    const load = await reread(await three(), change)
    await expect(load()).rejects.toMatchObject({
      code: 'metadata_inconsistent',
      message: expect.stringMatching(new RegExp(`^table trades, .*/v4\\.metadata\\.json: ${field}: `)),
      hint: expect.stringContaining('copy of the lake'),
    })
  })

  it('what is damaged beyond that names the table and the file, too', async () => {
    const world = await three()
    await world.store.put('tables/test/trades/metadata/v4.metadata.json', Buffer.from('{"format-version": 3}'))
    const catalog = new FileSystemCatalog(world.store, 'tables/test', {
      clock: world.clock,
      random: world.table.random,
    })
    await expect(catalog.load('trades')).rejects.toMatchObject({
      code: 'unsupported_format_version',
      message: expect.stringMatching(/^table trades, .*\/v4\.metadata\.json: /),
    })
  })

  it.each<[string, (json: Record<string, unknown>) => void]>([
    ['last-sequence-number', (json) => Object.assign(json, { 'last-sequence-number': 1 })],
    ['last-partition-id', (json) => Object.assign(json, { 'last-partition-id': 1 })],
    [
      'snapshots[2].timestamp-ms',
      (json) => Object.assign((json.snapshots as Snapshots)[2] ?? {}, { 'timestamp-ms': 1 }),
    ],
    ['snapshots[0].schema-id', (json) => Object.assign((json.snapshots as Snapshots)[0] ?? {}, { 'schema-id': 9 })],
  ])('%s is lived with, told, and rows go on', async (field, change) => {
    const world = await three()
    await reread(world, change)
    const again = await openWorld({ store: world.store, clock: world.clock, seed: 2 })
    const before = (await again.table.load()).metadata
    expect(brokenInvariants(before).map((one) => [one.field, one.isHarmful])).toEqual([[field, false]])
    const { snapshot, version } = await append(again.table, [await putDataFile(again.table)])
    expect(snapshot.sequenceNumber).toBe(4)
    expect(snapshot.timestamp_ms).toBeGreaterThan(Math.max(...before.snapshots.map((one) => one.timestamp_ms)))
    expect(version.metadata.lastSequenceNumber).toBe(4)
    expect(await livePaths(again.table)).toHaveLength(4)
  })

  it('A4: metadata without a main ref is read as one whose main is the current snapshot', async () => {
    const world = await three()
    const load = await reread(world, (json) => Object.assign(json, { refs: {} }))
    expect(await load()).toMatchObject({ metadata: { refs: {} } })
    const again = await openWorld({ store: world.store, clock: world.clock, seed: 2 })
    expect((await append(again.table, [])).version.metadata.refs.main).toMatchObject({ type: 'branch' })
  })

  it('a manifest list whose numbers cannot be is not planned on', async () => {
    const { table } = await three()
    const version = await table.load()
    const head = currentSnapshot(version.metadata)
    const lines = await table.manifests(version, head)
    if (!head || !lines[0]) throw new Error('no manifest')
    checkManifestList(version.metadata, head, lines)
    for (const sequenceNumber of [1, 9]) {
      const wrong = [{ ...lines[0], sequenceNumber }, ...lines.slice(1)]
      expect(() => checkManifestList(version.metadata, head, wrong)).toThrow(
        expect.objectContaining({ code: 'manifest_list_inconsistent' }),
      )
    }
  })

  it('a snapshot id that is in the table is not committed again', async () => {
    const { table } = await three()
    const head = currentSnapshot((await table.load()).metadata)
    const again = commit(table, {
      snapshotId: head?.snapshotId ?? 0n,
      prepare: () => ({ kind: 'proceed', change: { operation: 'append' } }),
    })
    await expect(again).rejects.toMatchObject({ code: 'snapshot_exists' })
    expect(currentSnapshot((await table.load()).metadata)).toEqual(head)
  })

  it('a commit counts on from a number that it is told of', async () => {
    const { table } = await three()
    const outcome = await commit(table, {
      sequenceAbove: () => 40,
      prepare: (_, next) => ({
        kind: 'proceed',
        change: { operation: 'append', setProperties: { at: String(next.sequenceNumber) } },
      }),
    })
    expect(outcome).toMatchObject({ kind: 'committed', snapshot: { sequenceNumber: 41 } })
    const { metadata }: { readonly metadata: TableMetadata } = await table.load()
    expect(metadata.properties.at).toBe('41')
    expect(parseMetadata(serializeMetadata(metadata)).lastSequenceNumber).toBe(41)
  })
})
