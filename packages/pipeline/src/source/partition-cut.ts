/** Which partitions a batch writes, and how much of each lane lies in them. */
interface PartitionCut {
  readonly partitions: ReadonlySet<number>
  /** How many rows are taken of each lane, from its first one on. */
  readonly counts: readonly number[]
}

/**
 * Cuts a batch to at most `maxPartitions` partitions of the table that it writes. `lanes` has the partition number of
 * each row, in the order of a lane's rows. The partitions at the lanes' heads come first, from lane `first` on, so that
 * each lane moves unless there are more heads than partitions; then, one after another, the partition that most
 * lanes need next. Each lane is cut at its own first row outside of the set: one that is far ahead of the others, or
 * far behind, holds none of them up.
 *
 * `first` must come to each lane in turn. Plans rotate their ranges already: for one of them 0 is right.
 */
export function cutToPartitions(lanes: readonly Int32Array[], maxPartitions: number, first: number): PartitionCut {
  const partitions = new Set<number>()
  const counts = lanes.map(() => 0)
  for (let i = 0; i < lanes.length && partitions.size < maxPartitions; i++) {
    const head = lanes[(first + i) % lanes.length]?.[0]
    if (head !== undefined) partitions.add(head)
  }
  for (;;) {
    advance(lanes, counts, partitions)
    if (partitions.size >= maxPartitions) break
    const next = mostNeeded(lanes, counts)
    if (next === undefined) break
    partitions.add(next)
  }
  return { partitions, counts }
}

/** Moves each lane on to its next row outside of the set. */
function advance(lanes: readonly Int32Array[], counts: number[], partitions: ReadonlySet<number>): void {
  for (const [i, rows] of lanes.entries()) {
    let at = counts[i] as number
    // Rows of one partition mostly follow each other.
    let last: number | undefined
    for (; at < rows.length; at++) {
      const partition = rows[at] as number
      if (partition === last) continue
      if (!partitions.has(partition)) break
      last = partition
    }
    counts[i] = at
  }
}

/** The partition at which most lanes stand, of several the least; undefined when all lanes have come to their end. */
function mostNeeded(lanes: readonly Int32Array[], counts: readonly number[]): number | undefined {
  const needs = new Map<number, number>()
  for (const [i, rows] of lanes.entries()) {
    const partition = rows[counts[i] as number]
    if (partition !== undefined) needs.set(partition, (needs.get(partition) ?? 0) + 1)
  }
  let found: number | undefined
  let most = 0
  for (const [partition, lanesThere] of needs) {
    if (lanesThere < most || (lanesThere === most && found !== undefined && partition > found)) continue
    found = partition
    most = lanesThere
  }
  return found
}
