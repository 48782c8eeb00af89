import type { Lane, Position } from '@assay/core'
import {
  findCoordinatorV4,
  heartbeatV4,
  joinGroupV7,
  leaveGroupV4,
  offsetCommitV8,
  ResponseError,
  syncGroupV5,
} from '@platformatic/kafka'
import type { LaneAssignment } from '../event-log.js'
import type { Cluster } from './cluster.js'
import type { Purpose } from './protocol/connections.js'
import {
  ASSIGNOR,
  assignRanges,
  PROTOCOL_TYPE,
  readAssignment,
  writeAssignment,
  writeSubscription,
} from './protocol/group-protocol.js'
import { answerOf, kafkaError } from './protocol/kafka-errors.js'
import type { KafkaEvent } from './protocol/kafka-options.js'

const GROUP_KEY = 0
const BEATS_PER_SESSION = 4
const PAUSE_MS_MAX = 2_000
const NOT_ASSIGNED: ReadonlySet<number> = new Set()

interface Membership {
  readonly coordinator: number
  readonly generation: number
  /** Partitions that the topic had when it was shared out; known to the member that did so. */
  readonly partitions: number | undefined
}

/**
 * A member of a consumer group, only to learn which lanes are ours (Kafka's classic group protocol). Offsets are
 * committed for other people's lag tools and never read.
 */
export class GroupAssignment implements LaneAssignment {
  readonly #cluster: Cluster
  readonly #group: string
  readonly #topic: string
  readonly #purpose: Purpose
  readonly #closing = new AbortController()
  readonly #positions = new Map<number, Position>()
  readonly #ended: Promise<void>
  #memberId = ''
  #membership: Membership | undefined
  #assigned = NOT_ASSIGNED
  /** When the last heartbeat that the group answered was sent. */
  #heartbeat_ms = Number.NEGATIVE_INFINITY
  #reporting: Promise<void> | undefined

  /** `number` tells it from the other members of this log: each has a connection of its own. */
  constructor(cluster: Cluster, group: string, topic: string, number: number) {
    this.#cluster = cluster
    this.#group = group
    this.#topic = topic
    this.#purpose = `group ${number}`
    cluster.closing.addEventListener('abort', () => this.#closing.abort())
    this.#ended = this.#run()
  }

  /** A process that was frozen may have lost its lanes without having heard of it: silence counts as loss. */
  owns({ topic, partition }: Lane): boolean {
    const { clock, limits } = this.#cluster.settings
    const isHeard = clock.monotonic_ms() - this.#heartbeat_ms < limits.session_ms
    return isHeard && topic === this.#topic && this.#assigned.has(partition)
  }

  report(positions: readonly { readonly lane: Lane; readonly position: Position }[]): void {
    for (const { lane, position } of positions) this.#positions.set(lane.partition, position)
    this.#reporting ??= this.#commit().finally(() => {
      this.#reporting = undefined
    })
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#ended
    await this.#reporting
    const left = this.#membership
    this.#assigned = NOT_ASSIGNED
    this.#membership = undefined
    if (left) {
      const members = [{ memberId: this.#memberId }]
      await this.#cluster
        .onNode(left.coordinator, this.#purpose, ({ connection }) =>
          leaveGroupV4.api.async(connection, this.#group, members),
        )
        .catch(() => undefined)
    }
    await this.#cluster.close(this.#purpose)
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#cluster.settings
    let pause_ms = 0
    while (!this.#closing.signal.aborted) {
      try {
        await this.#join()
        pause_ms = 0
        await this.#stay()
      } catch (error) {
        pause_ms = this.#mayJoinAtOnce(error) ? 0 : Math.min(PAUSE_MS_MAX, 2 * pause_ms + 50)
        if (pause_ms > 0) this.#tell('group_failed', kafkaError(error, `sharing out ${this.#topic}`).message)
      }
      if (pause_ms > 0) await clock.sleep(pause_ms * (0.5 + random.unit() / 2), this.#closing.signal)
    }
  }

  /** What the error says of our membership; true when the group only wants everybody to join once more. */
  #mayJoinAtOnce(error: unknown): boolean {
    switch (answerOf(error)) {
      case 'REBALANCE_IN_PROGRESS':
        return true
      case 'MEMBER_ID_REQUIRED':
        this.#memberId = error instanceof ResponseError ? (error.response as { memberId: string }).memberId : ''
        return true
      case 'UNKNOWN_MEMBER_ID':
      case 'FENCED_INSTANCE_ID':
        this.#memberId = ''
        this.#lose()
        return true
      case 'ILLEGAL_GENERATION':
        this.#lose()
        return true
      default:
        return false
    }
  }

  #lose(): void {
    if (this.#assigned.size > 0)
      this.#tell('group_lost', `no lane of ${this.#topic} is ours until the group says so again`)
    this.#assigned = NOT_ASSIGNED
    this.#membership = undefined
  }

  async #join(): Promise<void> {
    const { clock, limits } = this.#cluster.settings
    const coordinator = await this.#findCoordinator()
    const protocols = [{ name: ASSIGNOR, metadata: writeSubscription(this.#topic) }]
    const joined = await this.#cluster.onNode(coordinator, this.#purpose, ({ connection }) =>
      joinGroupV7.api.async(
        connection,
        this.#group,
        limits.session_ms,
        limits.session_ms,
        this.#memberId,
        null,
        PROTOCOL_TYPE,
        protocols,
      ),
    )
    this.#memberId = joined.memberId ?? ''
    // From here on our lanes may be given to others.
    this.#assigned = NOT_ASSIGNED
    const isLeader = joined.leader === this.#memberId
    const partitions = isLeader ? await this.#countPartitions() : undefined
    const ranges = assignRanges(isLeader ? joined.members.map(({ memberId }) => memberId) : [], partitions ?? 0)
    const assignments = [...ranges].map(([memberId, own]) => ({
      memberId,
      assignment: writeAssignment(this.#topic, own),
    }))
    const asked_ms = clock.monotonic_ms()
    const { assignment } = await this.#cluster.onNode(coordinator, this.#purpose, ({ connection }) =>
      syncGroupV5.api.async(
        connection,
        this.#group,
        joined.generationId,
        this.#memberId,
        null,
        PROTOCOL_TYPE,
        ASSIGNOR,
        assignments,
      ),
    )
    this.#membership = { coordinator, generation: joined.generationId, partitions }
    this.#heartbeat_ms = asked_ms
    this.#assigned = new Set(readAssignment(assignment, this.#topic))
    this.#tell('group_joined', `lanes of ${this.#topic} that are ours: ${[...this.#assigned].join(', ') || 'none'}`)
  }

  /** Keeps the membership alive until it ends by an error, or the topic has grown and must be shared out again. */
  async #stay(): Promise<void> {
    const { clock, limits } = this.#cluster.settings
    for (;;) {
      await clock.sleep(limits.session_ms / BEATS_PER_SESSION, this.#closing.signal)
      const membership = this.#membership
      if (this.#closing.signal.aborted || !membership) return
      const sent_ms = clock.monotonic_ms()
      await this.#cluster.onNode(membership.coordinator, this.#purpose, ({ connection }) =>
        heartbeatV4.api.async(connection, this.#group, membership.generation, this.#memberId, null),
      )
      this.#heartbeat_ms = sent_ms
      if (membership.partitions !== undefined && membership.partitions !== (await this.#countPartitions())) return
    }
  }

  async #findCoordinator(): Promise<number> {
    const { coordinators } = await this.#cluster.onAny(({ connection }) =>
      findCoordinatorV4.api.async(connection, GROUP_KEY, [this.#group]),
    )
    return coordinators[0]?.nodeId ?? -1
  }

  async #countPartitions(): Promise<number> {
    return (await this.#cluster.topic(this.#topic))?.leaders.length ?? 0
  }

  async #commit(): Promise<void> {
    while (this.#positions.size > 0) {
      const partitions = [...this.#positions].map(([partitionIndex, committedOffset]) => ({
        partitionIndex,
        committedOffset,
        committedLeaderEpoch: -1,
        committedMetadata: null,
      }))
      this.#positions.clear()
      const membership = this.#membership
      if (!membership) return
      try {
        await this.#cluster.onNode(membership.coordinator, 'control', ({ connection }) =>
          offsetCommitV8.api.async(connection, this.#group, membership.generation, this.#memberId, null, [
            { name: this.#topic, partitions },
          ]),
        )
      } catch (error) {
        this.#tell('report_failed', kafkaError(error, `reporting positions of ${this.#topic}`).message)
      }
    }
  }

  #tell(kind: KafkaEvent['kind'], message: string): void {
    this.#cluster.settings.onEvent({ kind, group: this.#group, message })
  }
}
