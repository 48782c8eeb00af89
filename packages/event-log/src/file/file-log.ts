import { endianness } from 'node:os'
import path from 'node:path'
import {
  type Clock,
  type Lane,
  namesFile,
  type Position,
  type ProduceBatch,
  position,
  type Random,
  UsageError,
} from '@assay/core'
import { laneSeal } from '../batch-format.js'
import type {
  EventLog,
  LaneAssignment,
  LaneStatus,
  ProducedRange,
  ReadLimits,
  ReadResult,
  TopicFiles,
} from '../event-log.js'
import { EVERY_LANE } from '../lane-assignment.js'
import { logClosed, logError, unknownLane, unknownTopic } from '../log-errors.js'
import { planProduce } from '../plan.js'
import { checkTopic, isTopicName } from '../topic-name.js'
import { WakeUps } from '../wake-ups.js'
import { EndMarkFile } from './end-mark.js'
import { type FileLogEvent, topicRestored } from './file-log-event.js'
import { DEFAULTS, type FileLogLimits, SEGMENT_BYTES_MAX } from './file-log-limits.js'
import { diskFiles } from './files/disk-files.js'
import type { LogFiles } from './files/log-files.js'
import { readOnlyFiles } from './files/read-only-files.js'
import { filesIn, type LogHome } from './home-files.js'
import { LaneLock } from './lane-lock.js'
import { LaneReader } from './lane-reader.js'
import { LaneTail } from './lane-tail.js'
import { LaneWriter } from './lane-writer.js'
import { machineOwners } from './owners/machine-owners.js'
import type { Owners } from './owners/owner.js'
import { listSegments } from './segment-files.js'
import { createTopic, type FoundTopic, readTopic, restoreTopic, topicMark } from './topic-file.js'
import { LOCKS_FOLDER, topicFiles } from './topic-files.js'

interface FileLogOptions {
  readonly directory: string
  readonly clock: Clock
  readonly random: Random
  readonly limits?: Partial<FileLogLimits>
  readonly onEvent?: (event: FileLogEvent) => void
  /** `read`: nothing is made, changed or locked, so that rights to read are enough. */
  readonly access?: 'read' | 'write'
  /** Files to use instead of the file system of this machine. */
  readonly files?: LogFiles
  /** The log's folder, given when it may go away and come back while the log is open. */
  readonly home?: LogHome
  /** Processes to use instead of those of this machine. */
  readonly owners?: Owners
}

/**
 * Opens a folder as an event log, making it if need be, but not to read. Any number of processes may have the same
 * folder open.
 */
export async function openFileLog(options: FileLogOptions): Promise<FileLog> {
  const { directory, home, access = 'write', owners = machineOwners, onEvent = () => undefined } = options
  const there = home ? filesIn(home, options.files ?? diskFiles) : (options.files ?? diskFiles)
  const files = access === 'read' ? readOnlyFiles(there) : there
  const all = { ...DEFAULTS, ...options.limits }
  if (!(all.segment_bytes >= 1 && all.segment_bytes <= SEGMENT_BYTES_MAX)) {
    throw new UsageError('bad_limit', `segment_bytes is ${all.segment_bytes}`, {
      hint: `choose 1 to ${SEGMENT_BYTES_MAX}`,
    })
  }
  if (endianness() !== 'LE')
    throw new UsageError('bad_machine', 'the file log needs a little-endian machine', {
      hint: 'run it on x86-64 or ARM64, or set ASSAY_KAFKA_BROKERS',
    })
  const root = path.resolve(directory)
  try {
    if (home) await home.open(access)
    else if (access === 'write') await files.makeFolder(root)
  } catch (error) {
    throw logError(error, `opening the log in ${directory}`)
  }
  return new FileLog({ ...options, access, directory: root, files, owners, onEvent, limits: all })
}

type FileLogSettings = Required<Omit<FileLogOptions, 'limits' | 'home'>> & { readonly limits: FileLogLimits }

/** One lane of one topic, as long as that topic exists. */
interface FileLane {
  readonly tail: LaneTail
  readonly reader: LaneReader
  readonly writer: LaneWriter
}

interface FileTopic extends FoundTopic {
  readonly lanes: readonly FileLane[]
}

/** The embedded event log: lanes as folders of segment files. Made by `openFileLog`. */
export class FileLog implements EventLog {
  readonly #options: FileLogSettings
  readonly #topics = new Map<string, FileTopic>()
  readonly #wakeUps = new WakeUps()
  readonly #underWay = new Set<Promise<unknown>>()
  #keyless = 0
  #isClosed = false

  constructor(options: FileLogSettings) {
    this.#options = options
  }

  ensureTopic(topic: string, partitions: number): Promise<void> {
    return this.#do(`making the topic ${topic}`, async () => {
      const { files, random, onEvent } = this.#options
      checkTopic(topic, partitions)
      const folder = this.#folder(topic)
      const found = await this.#topic(topic)
      if (!found) return createTopic(files, folder, partitions, random)
      if (found.isDescribed) return this.#keepMarks(found)
      const kept = await restoreTopic(files, folder, found, random)
      onEvent(topicRestored(topic, kept))
    })
  }

  inspectFiles(topic: string): Promise<TopicFiles> {
    const { files, owners } = this.#options
    return this.#do(`looking at ${topic}`, () => topicFiles(files, owners, this.#folder(topic)))
  }

  lanes(topic: string): Promise<readonly LaneStatus[]> {
    return this.#do(`looking up ${topic}`, async () => {
      const found = await this.#topic(topic)
      if (!found) return []
      return Promise.all(
        found.lanes.map(async ({ tail }, partition) => {
          const { start, end, lost } = await tail.view()
          const [lane, { topicId }] = [{ topic, partition }, found]
          const ends = { lane, topicId, start: position(start), end: position(end) }
          return lost ? { ...ends, lost: { from: position(lost.from), to: position(lost.to) } } : ends
        }),
      )
    })
  }

  read(lane: Lane, from: Position, limits: ReadLimits): Promise<ReadResult> {
    return this.#do(`reading ${lane.topic}/${lane.partition}`, async () => {
      const found = (await this.#topic(lane.topic))?.lanes[lane.partition]
      if (!found) throw unknownLane(lane)
      return found.reader.read(from, limits)
    })
  }

  produce(topic: string, batch: ProduceBatch): Promise<readonly ProducedRange[]> {
    return this.#do(`producing to ${topic}`, async () => {
      const found = await this.#topic(topic)
      if (!found) throw unknownTopic(topic)
      this.#keyless += 1
      const plans = planProduce(batch, found.partitions, this.#keyless, this.#options.limits)
      const appends = [...plans].map(async ([partition, batches]): Promise<ProducedRange> => {
        const lane = { topic, partition }
        const { writer } = found.lanes[partition] ?? {}
        if (!writer) throw unknownLane(lane)
        const { from, to } = await writer.append(batches)
        return { lane, from: position(from), to: position(to) }
      })
      // A call has failed only when all its lanes are done: none may change after the caller was told.
      await Promise.allSettled(appends)
      this.#wakeUps.wakeAll()
      return Promise.all(appends)
    })
  }

  waitForRecords(
    positions: readonly { readonly lane: Lane; readonly position: Position }[],
    timeout_ms: number,
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#do('waiting for records', async () => {
      const hasRecords = async (): Promise<boolean> => {
        if (this.#isClosed) return true
        const found = await Promise.all(positions.map((at) => this.#hasRecords(at.lane, at.position)))
        return found.includes(true)
      }
      const { clock, limits } = this.#options
      await this.#wakeUps.until(hasRecords, { poll_ms: limits.poll_ms, timeout_ms, clock }, signal)
    })
  }

  /** The time at which the record's segment was made. */
  earliestArrival_ms(lane: Lane, from: Position): Promise<number | undefined> {
    return this.#do(`looking up ${lane.topic}/${lane.partition}`, async () => {
      const { files } = this.#options
      const segments = await listSegments(files, path.join(this.#folder(lane.topic), String(lane.partition)))
      const segment = segments.findLast(({ base }) => base <= from)
      const { made_ms = 0 } = (segment && (await files.stat(segment.path))) ?? {}
      return made_ms > 0 ? made_ms : undefined
    })
  }

  async assign(): Promise<LaneAssignment> {
    return EVERY_LANE
  }

  prepare(topic: string): Promise<void> {
    return this.#do(`preparing ${topic}`, async () => {
      const found = await this.#topic(topic)
      if (found) await this.#keepMarks(found)
    })
  }

  goPastDamage(lane: Lane, to: Position): Promise<void> {
    return this.#do(`going past what ${lane.topic}/${lane.partition} lost`, async () => {
      const found = (await this.#topic(lane.topic))?.lanes[lane.partition]
      if (!found) throw unknownLane(lane)
      await found.writer.goPast(to)
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#wakeUps.wakeAll()
    await Promise.allSettled(this.#underWay)
    const topics = [...this.#topics.values()]
    this.#topics.clear()
    await Promise.all(topics.map(closeLanes))
  }

  /** Lanes of an earlier version get their end marks. Who may only read leaves that to those who write. */
  async #keepMarks({ lanes }: FileTopic): Promise<void> {
    for (const { tail, writer } of lanes) {
      const { found, lost } = await tail.view()
      if (found.kind === 'missing' && !lost) await writer.keepMark().catch(() => undefined)
    }
  }

  /** Asked many times a second for every lane, so it takes a topic that it knows for the one that is there. */
  async #hasRecords(lane: Lane, at: Position): Promise<boolean> {
    const topic = this.#topics.get(lane.topic) ?? (await this.#topic(lane.topic))
    const tail = topic?.lanes[lane.partition]?.tail
    return tail?.mayHold(at) === true && (await tail.view()).end > at
  }

  /** The topic as it is; one deleted and made again is another topic. Undefined when there is none. */
  async #topic(topic: string): Promise<FileTopic | undefined> {
    if (!isTopicName(topic)) return undefined
    const { files } = this.#options
    const folder = this.#folder(topic)
    const known = this.#topics.get(topic)
    const mark = await topicMark(files, folder)
    if (known && known.mark === mark) return known
    const info = await readTopic(files, folder)
    const latest = this.#topics.get(topic)
    // Another call may have got here first.
    if (latest && latest.mark === info?.mark) return latest
    this.#topics.delete(topic)
    if (info) {
      const lanes = Array.from({ length: info.partitions }, (_, partition) => this.#lane({ topic, partition }, info))
      this.#topics.set(topic, { ...info, lanes })
    }
    if (latest) await closeLanes(latest)
    return this.#topics.get(topic)
  }

  #lane(lane: Lane, { topicId, partitions }: FoundTopic): FileLane {
    const { files, owners, clock, random, limits, onEvent } = this.#options
    const { partition } = lane
    const topicFolder = this.#folder(lane.topic)
    const folder = path.join(topicFolder, String(partition))
    const seal = laneSeal(topicId, partition)
    const mark = new EndMarkFile(files, topicFolder, { topicId, partitions, partition })
    const tail = new LaneTail({ files, folder, seal, mark, clock })
    const place = { folder: path.join(topicFolder, LOCKS_FOLDER), partition }
    const lock = new LaneLock({ ...place, files, owners, clock, random, wait_ms_max: limits.lock_wait_ms_max })
    return {
      tail,
      reader: new LaneReader({ lane, seal, tail, files, clock }),
      writer: new LaneWriter({ ...limits, lane, folder, seal, files, tail, lock, mark, clock, onEvent }),
    }
  }

  #folder(topic: string): string {
    return path.join(this.#options.directory, topic)
  }

  async #do<T>(doing: string, step: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw logClosed()
    const running = step()
    this.#underWay.add(running)
    try {
      return await running
    } catch (error) {
      throw logError(error, namesFile(error) ? doing : `${doing} in ${this.#options.directory}`)
    } finally {
      this.#underWay.delete(running)
    }
  }
}

async function closeLanes({ lanes }: FileTopic): Promise<void> {
  await Promise.all(
    lanes.map(async ({ writer, reader, tail }) => {
      await writer.close()
      await reader.close()
      await tail.close()
    }),
  )
}
