import { setImmediate } from 'node:timers/promises'
import {
  type Clock,
  type Lane,
  laneKey,
  OutageError,
  type Position,
  type ProduceBatch,
  rowBytes,
  seededRandom,
} from '@assay/core'
import {
  type EventLog,
  type FileLog,
  type LaneStatus,
  MemoryFiles,
  type Owner,
  type OwnerState,
  type Owners,
  openFileLog,
  type ProducedRange,
  partitionOf,
  type ReadLimits,
  type ReadResult,
} from '@assay/event-log'
import { ProducerFiles } from './producer-files.js'
import { RecordedLog } from './recorded-log.js'
import type { World } from './world.js'

const DIRECTORY = '/log'
/** Small enough for several segments a lane. */
const SEGMENT_BYTES = 900
const DAMAGE = ['bit', 'cut', 'zeros', 'copy', 'lost', 'dropped', 'misdirected', 'segment', 'folder'] as const
const MARK = ['slot', 'mark'] as const
const HARMLESS = ['topic', 'kill', 'kill', 'power', 'full'] as const
const BLOCK_BYTES = [8, 64, 512]
/** Calls of a producer to its disk within which it dies. */
const DEATH_CALLS_MAX = 24

/**
 * The real log on files, on a disk that does what disks do. It keeps what producers were told (B5): that is what the
 * tables are held against, and not what the log says that it holds.
 */
export class StorageLog extends RecordedLog {
  readonly files = new MemoryFiles()
  /** Lanes whose records something happened to. */
  readonly #damaged = new Set<string>()
  readonly #world: World
  readonly #clock: Clock
  readonly #dead = new Set<string>()
  readonly #marked = new Set<string>()
  /** Lanes whose end mark is gone: what was acknowledged of them only their segments tell. */
  readonly #unmarked = new Set<string>()
  /** True once a write may have ended half done. */
  #hasTornWrites = false
  #operator: Promise<FileLog>
  #producer: { readonly log: Promise<FileLog>; readonly files: ProducerFiles; readonly nonces: Set<string> }

  constructor(world: World) {
    super()
    this.#world = world
    this.#clock = { now_ms: () => world.now_ms, monotonic_ms: () => world.now_ms, sleep: () => setImmediate() }
    this.#operator = this.#open(this.files, new Set())
    this.#producer = this.#newProducer()
  }

  /**
   * Whether a gap may be told of a lane: something happened to its records, or a write ended half done while nothing
   * told how far records were acknowledged, where a torn end can't be told from a damaged one.
   */
  mayHaveGap(lane: string): boolean {
    return this.#damaged.has(lane) || (this.#hasTornWrites && this.#unmarked.has(lane))
  }

  /** The log as a process of its own sees it. */
  override openFor(): EventLog {
    return new LateLog(this.#open(this.files, new Set()))
  }

  /** As the next command of an operator sees it: in a process that has seen nothing before. */
  reopen(): void {
    this.#operator = this.#open(this.files, new Set())
  }

  override async ensureTopic(topic: string, partitions: number): Promise<void> {
    await (await this.#operator).ensureTopic(topic, partitions)
  }

  override async lanes(topic: string): Promise<readonly LaneStatus[]> {
    return (await this.#operator).lanes(topic)
  }

  override async read(lane: Lane, from: Position, limits: ReadLimits): Promise<ReadResult> {
    return (await this.#operator).read(lane, from, limits)
  }

  async goPastDamage(lane: Lane, to: Position): Promise<void> {
    await (await this.#operator).goPastDamage(lane, to)
  }

  /** By the producer of the moment, who may die of it. */
  override async produce(topic: string, batch: ProduceBatch): Promise<readonly ProducedRange[]> {
    const { log, files, nonces } = this.#producer
    const topicId = (await this.lanes(topic))[0]?.topicId ?? ''
    const partitions = (await this.lanes(topic)).length
    try {
      const told = await Promise.race([(await log).produce(topic, batch), files.died])
      if (!told) {
        for (const nonce of nonces) this.#dead.add(nonce)
        this.#producer = this.#newProducer()
        throw new OutageError('producer_killed', 'the producer was killed')
      }
      this.#note(topicId, partitions, batch, told)
      return told
    } catch (error) {
      for (let row = 0; row < batch.count; row++) this.attempted(rowBytes(batch.values, row) ?? null)
      throw error
    }
  }

  override addHole(): void {}

  /** Something happens to the disk; says what. */
  async logFault(): Promise<string | undefined> {
    const world = this.#world
    const segments = this.files.below(DIRECTORY).filter((file) => file.endsWith('.segment'))
    const kind = world.oneOf([...DAMAGE, ...DAMAGE, ...MARK, ...HARMLESS])
    const file = segments.length > 0 ? world.oneOf(segments) : undefined
    if (!file) return undefined
    const lane = laneOf(file)
    if ((HARMLESS as readonly string[]).includes(kind)) this.#harmless(kind, file)
    else if ((MARK as readonly string[]).includes(kind)) {
      // A mark that is damaged together with what it speaks of is one fault too many.
      if (this.#damaged.has(lane) || this.#marked.has(lane)) return undefined
      this.#marked.add(lane)
      await this.#spoilMark(kind, lane)
    } else {
      if (this.#marked.has(lane)) return undefined
      this.#damaged.add(lane)
      await this.#damage(kind, file, segments)
    }
    return `${kind} in ${file}`
  }

  async #damage(kind: string, file: string, segments: readonly string[]): Promise<void> {
    const { files } = this
    const world = this.#world
    const bytes = files.bytesOf(file)
    const size = Math.min(world.oneOf(BLOCK_BYTES), bytes.length)
    const at = bytes.length === size ? 0 : world.below((bytes.length - size) / 8) * 8
    switch (kind) {
      case 'bit':
        if (bytes.length > 0) files.flipBit(file, world.below(bytes.length * 8))
        return
      case 'cut':
        return files.setBytes(file, bytes.subarray(0, bytes.length - Math.min(bytes.length, 1 + world.below(size))))
      case 'zeros':
        return files.setBytes(file, bytes.fill(0, at, at + size))
      case 'copy':
        return files.setBytes(file, bytes.copyWithin(at, at < size ? 0 : at - size, at < size ? size : at))
      case 'segment':
        return files.remove(file)
      case 'folder':
        return files.removeAll(file.slice(0, file.lastIndexOf('/')))
      default: {
        const other = world.oneOf(segments)
        if (this.#marked.has(laneOf(other))) return
        this.#onNextWrite(({ path, byte }) => {
          // What is written to the lane from now on is what it happens to.
          this.#damaged.add(laneOf(path))
          if (this.#marked.has(laneOf(path))) return 'done'
          if (kind !== 'misdirected') return kind as 'lost' | 'dropped'
          // Where it does most harm: at the same byte of the same file of another lane, where its offsets would fit.
          const twin = segments.find((one) => one !== path && one.split('/').at(-1) === path.split('/').at(-1))
          const target = twin !== undefined && !this.#marked.has(laneOf(twin)) ? twin : other
          this.#damaged.add(laneOf(target))
          return { path: target, byte: target === twin ? byte : Math.min(at, Math.max(0, bytes.length - 8)) }
        })
      }
    }
  }

  #onNextWrite(
    fate: (
      write: Parameters<NonNullable<MemoryFiles['onWrite']>>[0],
    ) => ReturnType<NonNullable<MemoryFiles['onWrite']>>,
  ): void {
    this.files.onWrite = (write) => {
      if (!write.path.endsWith('.segment')) return 'done'
      this.files.onWrite = undefined
      return fate(write)
    }
  }

  async #spoilMark(kind: string, lane: string): Promise<void> {
    const [topic = '', partition = ''] = lane.split('/')
    const file = `${DIRECTORY}/${topic}/ends/${partition}.end`
    if (kind === 'slot') this.files.flipBit(file, (this.#world.oneOf([0, 4096]) + this.#world.below(96)) * 8)
    else {
      this.#unmarked.add(lane)
      if (this.#world.chance(0.5)) this.files.setBytes(file, new Uint8Array(8192))
      else await this.files.remove(file)
    }
  }

  #harmless(kind: string, file: string): void {
    const world = this.#world
    if (kind === 'topic') {
      const description = `${file.split('/').slice(0, 3).join('/')}/topic.json`
      this.files.flipBit(description, world.below(this.files.bytesOf(description).length * 8))
      return
    }
    this.#hasTornWrites = true
    if (kind === 'kill') this.#producer.files.dieAfter(world.below(DEATH_CALLS_MAX), world.random.unit())
    else if (kind === 'power') this.files.losePower()
    else this.#onNextWrite(() => 'short')
  }

  #newProducer() {
    const files = new ProducerFiles(this.files)
    const nonces = new Set<string>()
    return { files, nonces, log: this.#open(files, nonces) }
  }

  #open(files: ProducerFiles | MemoryFiles, nonces: Set<string>): Promise<FileLog> {
    const limits = { segment_bytes: SEGMENT_BYTES, mark_sync_ms_max: 0, lock_wait_ms_max: 60_000 }
    const owners = new WorldOwners(nonces, this.#dead)
    return openFileLog({ directory: DIRECTORY, clock: this.#clock, random: seededRandom(1), files, owners, limits })
  }

  #note(topicId: string, partitions: number, batch: ProduceBatch, told: readonly ProducedRange[]): void {
    const rows = new Map<number, number[]>()
    for (let row = 0; row < batch.count; row++) {
      // Keyless records of a call go together.
      const key = rowBytes(batch.keys, row)
      const partition = key ? partitionOf(key, partitions, 0) : (told[0]?.lane.partition ?? 0)
      rows.set(partition, [...(rows.get(partition) ?? []), row])
    }
    for (const { lane, from, to } of told) {
      const own = rows.get(lane.partition) ?? []
      if (BigInt(own.length) !== to - from) throw new Error(`${laneKey(lane)} was told of ${to - from} records`)
      for (const [i, row] of own.entries()) this.note(topicId, lane.partition, from + BigInt(i), batch, row)
    }
  }
}

/** `topic/partition` of a segment's path. */
function laneOf(file: string): string {
  return file.split('/').slice(2, 4).join('/')
}

let owners = 0

/** Producers that are killed leave their locks behind. */
class WorldOwners implements Owners {
  readonly #own: Set<string>
  readonly #dead: ReadonlySet<string>

  constructor(own: Set<string>, dead: ReadonlySet<string>) {
    this.#own = own
    this.#dead = dead
  }

  async make(): Promise<Owner> {
    owners += 1
    const nonce = `owner-${owners}`
    this.#own.add(nonce)
    return { nonce, pid: owners, started: '', host: 'world' }
  }

  async stateOf({ nonce }: Owner): Promise<OwnerState> {
    return this.#dead.has(nonce) ? 'dead' : 'alive'
  }
}

/** A log that is being opened. */
class LateLog extends RecordedLog {
  readonly #log: Promise<FileLog>

  constructor(log: Promise<FileLog>) {
    super()
    this.#log = log
  }

  override async lanes(topic: string): Promise<readonly LaneStatus[]> {
    return (await this.#log).lanes(topic)
  }

  override async read(lane: Lane, from: Position, limits: ReadLimits): Promise<ReadResult> {
    return (await this.#log).read(lane, from, limits)
  }

  async goPastDamage(lane: Lane, to: Position): Promise<void> {
    await (await this.#log).goPastDamage(lane, to)
  }
}
