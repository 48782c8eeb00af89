import { Reader, Writer } from '@platformatic/kafka'

/** Name of the assignor that other clients' range assignor has, so that tools show what it means. */
export const ASSIGNOR = 'range'
export const PROTOCOL_TYPE = 'consumer'

/**
 * What members tell one another (Kafka's ConsumerProtocolSubscription and ConsumerProtocolAssignment, version 0):
 * version i16, topics, user data; version i16, partitions by topic, user data.
 */
export function writeSubscription(topic: string): Buffer {
  return Writer.create()
    .appendInt16(0)
    .appendArray([topic], (w, one) => w.appendString(one, false), false, false)
    .appendBytes(null, false).buffer
}

export function writeAssignment(topic: string, partitions: readonly number[]): Buffer {
  const write = (w: Writer, one: string): void => {
    w.appendString(one, false).appendArray([...partitions], (v, partition) => v.appendInt32(partition), false, false)
  }
  return Writer.create().appendInt16(0).appendArray([topic], write, false, false).appendBytes(null, false).buffer
}

/** Partitions of the topic that an assignment holds; an empty one holds none. */
export function readAssignment(data: Buffer, topic: string): number[] {
  if (data.length === 0) return []
  const reader = Reader.from(data)
  reader.readInt16()
  const assigned = reader.readArray(
    (r) => ({ topic: r.readString(false), partitions: r.readArray((p) => p.readInt32(), false, false) }),
    false,
    false,
  )
  return assigned.filter((one) => one.topic === topic).flatMap(({ partitions }) => partitions)
}

/**
 * Neighbouring partitions for each member, in the order of their ids; the first ones get one more where it doesn't come
 * out even.
 */
export function assignRanges(members: readonly string[], partitions: number): Map<string, number[]> {
  const sorted = members.toSorted()
  const assigned = new Map<string, number[]>()
  let next = 0
  sorted.forEach((member, i) => {
    const count = Math.ceil((partitions - next) / (sorted.length - i))
    assigned.set(
      member,
      Array.from({ length: count }, (_, j) => next + j),
    )
    next += count
  })
  return assigned
}
