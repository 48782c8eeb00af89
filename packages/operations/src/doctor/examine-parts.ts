import { join } from 'node:path'
import { exchanges } from '@assay/exchanges'
import {
  type Lake,
  type LakeParts,
  openCatalog,
  openLog,
  openRegistry,
  openStore,
  type PartsContext,
} from '@assay/lake'
import { bronzeTable } from '@assay/medallion'
import type { ExamineRequest } from './examine-request.js'
import { type Finding, ok, skipped, within } from './judge/finding.js'
import { judgeTopic, type TopicFacts } from './judge/log.js'
import { judgeSubject } from './judge/registry.js'
import { judgeStore } from './judge/store.js'
import { lookAtClock } from './probe/clock.js'
import { lookAtTopic } from './probe/log.js'
import { tryBucket, tryFolder } from './probe/store.js'

/** How long one request may take. */
const PATIENCE_MS = 5_000
/** How long all that is asked of a part may take. */
const PART_MS = 15_000

interface LookedAtParts {
  readonly findings: readonly Finding[]
  /** What can be worked with: tables need the store and the catalog, lanes the log, too. */
  readonly canUse: { readonly store: boolean; readonly catalog: boolean; readonly log: boolean }
  readonly topics: readonly TopicFacts[]
}

/** Looks at each part by itself, so that one that is away keeps no other from being looked at. */
export async function examineParts(
  scratch: string,
  parts: LakeParts,
  { clock, random }: ExamineRequest,
): Promise<LookedAtParts> {
  const context: PartsContext = { clock, random, access: 'read', patience_ms: PATIENCE_MS }
  const bounded = (check: string, look: () => Promise<readonly Finding[]>) => within(check, PART_MS, clock, look)
  const place = { scratch, parts, context }
  const disk = { path: parts.location, ahead_ms: undefined as number | undefined }
  const store = await bounded('lake rights', () => lookAtStore(place, (ahead_ms) => (disk.ahead_ms = ahead_ms)))
  const hasStore = !store.some(isFailedRead)
  const topics: TopicFacts[] = []
  const unless = (isThere: boolean, check: string, look: () => Promise<readonly Finding[]>) =>
    isThere
      ? bounded(check, look)
      : Promise.resolve([skipped(check, "it lies in the lake's place, which can't be read")])
  const [clocks, catalog, log, registry] = await Promise.all([
    bounded('clock', () => lookAtClock(parts, clock, PATIENCE_MS, parts.store.kind === 'folder' ? disk : undefined)),
    unless(hasStore || parts.catalog.kind === 'rest', 'catalog', () => lookAtCatalog(place)),
    bounded('log', () => lookAtLog(place, (topic) => topics.push(topic))),
    unless(hasStore || parts.registry.kind === 'confluent', 'registry', () => lookAtRegistry(place)),
  ])
  return {
    findings: [...store, ...clocks, ...catalog, ...log, ...registry],
    canUse: {
      store: hasStore,
      catalog: !catalog.some(({ level }) => level === 'failure' || level === 'skipped'),
      log: topics.length > 0,
    },
    topics,
  }
}

interface Place {
  readonly scratch: string
  readonly parts: LakeParts
  readonly context: PartsContext
}

/** Rights to write are wanted, but reading goes without. */
function isFailedRead({ check, level, found }: Finding): boolean {
  return level === 'failure' && (check === 'lake' || found.startsWith('no answer'))
}

async function lookAtStore(
  { scratch, parts, context }: Place,
  tellTime: (ahead_ms: number | undefined) => void,
): Promise<readonly Finding[]> {
  const { store } = parts
  if (store.kind === 'folder') {
    const { facts, ahead_ms } = await tryFolder(store.directory, context.random, () => context.clock.now_ms())
    tellTime(ahead_ms)
    return judgeStore(facts)
  }
  const opened = openStore(parts, join(scratch, 'bucket'), { ...context, access: 'write' })
  const unreachable = await opened.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (unreachable === undefined) return judgeStore(await tryBucket(await opened, context.random))
  return judgeStore({
    place: parts.location,
    list: unreachable,
    write: true,
    isExclusive: true,
    read: true,
    remove: true,
  })
}

function readStore({ scratch, parts, context }: Place): Promise<Lake['store']> {
  return openStore(parts, join(scratch, 'read'), context)
}

/** A bucket that is away must not keep a catalog or registry elsewhere from being looked at: these don't ask it. */
function storeIfAny(place: Place, isNeeded: boolean): Promise<Lake['store']> {
  return isNeeded
    ? readStore(place)
    : readStore({ ...place, parts: { ...place.parts, store: NO_STORE(place.scratch) } })
}

const NO_STORE = (directory: string): LakeParts['store'] => ({ kind: 'folder', directory })

async function lookAtCatalog(place: Place): Promise<Finding[]> {
  const { catalog: part } = place.parts
  const catalog = await openCatalog(place.parts, await storeIfAny(place, part.kind === 'file_system'), place.context)
  if (part.kind === 'file_system') {
    // Its list of tables is a listing of all files.
    await Promise.all(exchanges.map(({ name }) => catalog.load(bronzeTable(name).name)))
    return [ok('catalog', "the tables' own metadata files")]
  }
  const names = await catalog.list()
  return [
    ok('catalog', `${part.url} lists ${names.length} tables; whether it lets us commit shows with the first commit`),
  ]
}

async function lookAtLog({ parts, context }: Place, tell: (topic: TopicFacts) => void): Promise<readonly Finding[]> {
  if (parts.log.kind === 'absent') {
    return [skipped('log', 'none is named: a lake in a bucket needs ASSAY_KAFKA_BROKERS to be written to')]
  }
  const log = await openLog(parts, context)
  try {
    const facts = await Promise.all(exchanges.map(({ topic }) => lookAtTopic(log, topic, context.clock)))
    facts.forEach(tell)
    return facts.flatMap(judgeTopic)
  } finally {
    await log.close()
  }
}

async function lookAtRegistry(place: Place): Promise<Finding[]> {
  const isEmbedded = place.parts.registry.kind === 'embedded'
  const registry = await openRegistry(place.parts, await storeIfAny(place, isEmbedded), place.context)
  const found: Finding[] = []
  for (const { topic, schema } of exchanges) {
    const subject = `${topic}-value`
    const report = await registry.inspect?.(subject, schema)
    if (report) found.push(judgeSubject(subject, report))
  }
  return found
}
