import type { Lane, Position, ProduceBatch, RecordBatch } from '@assay/core'

/** What the log knows of one of its lanes. */
export interface LaneStatus {
  readonly lane: Lane
  /** Identity of the topic behind the name: a topic deleted and made again has another one. */
  readonly topicId: string
  /** Position of the oldest record still held. */
  readonly start: Position
  /** Position after the newest record. */
  readonly end: Position
  /** Acknowledged records at the end that are not there as they were written: nobody can append before a word. */
  readonly lost?: { readonly from: Position; readonly to: Position }
}

/** Outcome of a read. */
export type ReadResult =
  /**
   * `batches` may be empty, at the end or where there are only holes; `next` is the position after what was read
   * (past holes); `end` as of the read.
   */
  | {
      readonly kind: 'records'
      readonly batches: readonly RecordBatch[]
      readonly next: Position
      readonly end: Position
      /**
       * Leader epoch of the last record read, where the log keeps epochs: hand it to the read that goes on from `next`.
       */
      readonly epoch?: number
    }
  /** The position lies outside what the log holds: below `start` (retention) or above `end` (truncation). */
  | { readonly kind: 'out_of_range'; readonly start: Position; readonly end: Position }
  /**
   * The log was cut at `end`, below the position, and written anew: its offsets from there on are other records (B3).
   */
  | { readonly kind: 'diverged'; readonly end: Position }

export interface ReadLimits {
  /** Bytes of keys, values and headers. Passed only by a first record that is larger: one is always returned. */
  readonly maxBytes: number
  readonly maxRecords: number
}

/** Something about a topic that doesn't go with how Assay reads it. */
export interface TopicFinding {
  readonly topic: string
  readonly setting: string
  readonly value: string
  /** `refuse`: what is read would be wrong. `warn`: it works, but not as one may think. */
  readonly severity: 'refuse' | 'warn'
  readonly message: string
}

/** How brokers keep a topic, and what they let us do with it. */
export interface TopicDescription {
  /** In order; `leader` is -1 where none leads. */
  readonly partitions: readonly { readonly leader: number; readonly replicas: number; readonly inSync: number }[]
  /** Settings by name, those that are the broker's defaults included. */
  readonly settings: ReadonlyMap<string, string>
  /** Left out where the brokers don't say. */
  readonly rights?: { readonly mayRead: boolean; readonly mayWrite: boolean }
}

/** What lies beside a topic's records in a log that keeps its own files. */
export interface TopicFiles {
  readonly locks: readonly {
    readonly path: string
    /** Who holds it, for people. */
    readonly holder: string
    readonly state: 'alive' | 'dead' | 'unknown'
  }[]
  /** What was cut off or put aside, and is kept. */
  readonly putAside: readonly string[]
}

/**
 * Which lanes of a topic are this process's to work on, where several share them out. It only saves work: what
 * protects the tables is the position in each commit.
 */
export interface LaneAssignment {
  /** Whether the lane is this process's; false as long as no lanes were assigned yet. */
  owns(lane: Lane): boolean
  /** Tells other people's lag tools how far a lane has come. Assay never reads it; what fails is not told. */
  report(positions: readonly { readonly lane: Lane; readonly position: Position }[]): void
  close(): Promise<void>
}

/** Offsets that a produce call got, one range per lane that received records. */
export interface ProducedRange {
  readonly lane: Lane
  readonly from: Position
  readonly to: Position
}

/**
 * The event log as the pipeline sees it. Any number of processes may read and produce at once.
 * Failures of the log itself are `OutageError`s.
 */
export interface EventLog {
  /**
   * Makes the topic if it is missing; keeps an existing one, whatever its partition count. Names follow Kafka:
   * 1 to 249 of `a-z A-Z 0-9 . _ -` (else `bad_topic`).
   */
  ensureTopic(topic: string, partitions: number): Promise<void>
  /** Lanes of a topic in partition order; empty when there is no such topic. */
  lanes(topic: string): Promise<readonly LaneStatus[]>
  /**
   * Reads records of one lane from a position on. Never waits for new ones. `epoch` is that of the record before
   * the position, as an earlier read gave it. Throws `unknown_lane` when there is no such topic or partition, and what
   * `isUnreadable` knows when the record at the position can't be read, now or later.
   */
  read(lane: Lane, from: Position, limits: ReadLimits, epoch?: number): Promise<ReadResult>
  /**
   * Appends, each record to the partition that its key chooses (`partitionOf`), in the order given.
   * Durable when it resolves. Keyless records of a call go together, to another partition with each call.
   * A record whose key, value and headers are larger than the log's limit refuses the whole call with
   * `record_too_large` before anything is written. After an `OutageError` the records may or may not be there.
   */
  produce(topic: string, batch: ProduceBatch): Promise<readonly ProducedRange[]>
  /** Resolves when any of the lanes has records at or after its position, at `timeout_ms`, or on abort. */
  waitForRecords(
    positions: readonly { readonly lane: Lane; readonly position: Position }[],
    timeout_ms: number,
    signal?: AbortSignal,
  ): Promise<void>
  /**
   * Joins the processes that share the lanes of a topic out under a group's name. A log for one machine gives all to
   * each.
   */
  assign(group: string, topic: string): Promise<LaneAssignment>
  /**
   * The operator's word that records below `to` are lost, where a lane takes none any more because of them (`lost`):
   * producers go on behind them, and no offset is given out again. Only a log has it that keeps its own storage.
   */
  goPastDamage?(lane: Lane, to: Position): Promise<void>
  /**
   * For who is going to read a topic for good, and may write to the log: makes what the log keeps to tell whether what
   * it acknowledged is still there, where an earlier version has not.
   */
  prepare?(topic: string): Promise<void>
  /** What speaks against reading a topic as it is set up. Only a log has it whose topics others may have made. */
  inspectTopic?(topic: string): Promise<readonly TopicFinding[]>
  /** How a topic is kept; undefined when there is none. Only a log on brokers has it. */
  describeTopic?(topic: string): Promise<TopicDescription | undefined>
  /** What lies beside a topic's records. Only a log that keeps its own files has it. */
  inspectFiles?(topic: string): Promise<TopicFiles>
  /**
   * A time, ms since 1970, before which the record at the position can't have come into the log, as near to its arrival
   * as the log knows; only a log that knows more of it than the record's own timestamp has it.
   */
  earliestArrival_ms?(lane: Lane, from: Position): Promise<number | undefined>
  /** Waits for what is being produced, ends all waiting, frees files. Later calls fail with `log_closed`. */
  close(): Promise<void>
}
