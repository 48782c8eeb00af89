import { listOffsetsV7 } from '@platformatic/kafka'
import type { Cluster, Topic } from './cluster.js'
import type { BrokerConnection } from './protocol/connections.js'
import { checkAnswer } from './protocol/kafka-errors.js'

export interface LaneEnds {
  /** Offset of the oldest record. */
  readonly start: bigint
  /** Offset after the last record that readers of committed records may see. */
  readonly end: bigint
}

const EARLIEST = -2n
const LATEST = -1n
const READ_COMMITTED = 1

/**
 * Where lanes of a topic begin and end, asked of each leader at once. `also` goes the same way, after the questions.
 */
export async function laneEnds(
  cluster: Cluster,
  topic: Topic,
  partitions: readonly number[],
  also?: (to: BrokerConnection) => Promise<void>,
): Promise<Map<number, LaneEnds>> {
  const found = new Map<number, LaneEnds>()
  const asking = byLeader(topic, partitions).map(([node, led]) =>
    cluster.onNode(node, 'control', async (to) => {
      // A broker answers one after the other, so `also` is answered as of later than the ends are.
      const [starts, ends] = await Promise.all([
        listOffsets(to, topic, led, EARLIEST),
        listOffsets(to, topic, led, LATEST),
        also?.(to),
      ])
      for (const [partition, start] of starts) found.set(partition, { start, end: ends.get(partition) ?? start })
    }),
  )
  await Promise.all(asking)
  return found
}

/** Offset after the last record that readers of committed records may see, for each partition. */
export async function laneTails(
  cluster: Cluster,
  topic: Topic,
  partitions: readonly number[],
): Promise<Map<number, bigint>> {
  const found = await Promise.all(
    byLeader(topic, partitions).map(([node, led]) =>
      cluster.onNode(node, 'control', (to) => listOffsets(to, topic, led, LATEST)),
    ),
  )
  return new Map(found.flatMap((one) => [...one]))
}

function byLeader(topic: Topic, partitions: readonly number[]): [number, number[]][] {
  const led = new Map<number, number[]>()
  for (const partition of partitions) {
    const node = topic.leaders[partition]?.node ?? -1
    led.set(node, [...(led.get(node) ?? []), partition])
  }
  return [...led]
}

async function listOffsets(
  to: BrokerConnection,
  topic: Topic,
  partitions: readonly number[],
  timestamp: bigint,
): Promise<Map<number, bigint>> {
  const asked = partitions.map((partitionIndex) => ({
    partitionIndex,
    currentLeaderEpoch: topic.leaders[partitionIndex]?.epoch ?? -1,
    timestamp,
  }))
  const response = await listOffsetsV7.api.async(to.connection, -1, READ_COMMITTED, [
    { name: topic.name, partitions: asked },
  ])
  const [found] = response.topics
  return new Map(
    found?.partitions.map(({ partitionIndex, errorCode, offset }) => {
      checkAnswer(errorCode)
      return [partitionIndex, offset]
    }),
  )
}
