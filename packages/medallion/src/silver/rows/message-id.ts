/** Lane of a row as its message id names it. */
export interface LaneNumber {
  /** Lane id of 28 bits, from bronze's list of topics. */
  readonly laneId: number
  /** Partition of 30 bits. */
  readonly partition: number
}

/**
 * Message ids: UUIDs of version 8 (RFC 9562) that hold the lane id (28 bits), the partition (30 bits) and
 * the offset (64 bits) in that order, so that they are unique, reversible and sort like the lane.
 */
export function messageIds(lanes: readonly LaneNumber[], ranks: Int32Array, offsets: BigInt64Array): Uint8Array {
  const out = new Uint8Array(ranks.length * 16)
  const view = new DataView(out.buffer)
  const words = new Uint32Array(offsets.buffer, offsets.byteOffset, offsets.length * 2)
  const heads = lanes.map(({ laneId, partition }) => ({
    first: ((laneId << 4) | (partition >>> 26)) >>> 0,
    second: ((((partition >>> 10) & 0xffff) << 16) | 0x8000 | ((partition & 0x3ff) << 2)) >>> 0,
  }))
  for (let i = 0; i < ranks.length; i++) {
    const head = heads[ranks[i] as number] as { first: number; second: number }
    const low = words[i * 2] as number
    const high = words[i * 2 + 1] as number
    view.setUint32(i * 16, head.first)
    view.setUint32(i * 16 + 4, head.second | (high >>> 30))
    view.setUint32(i * 16 + 8, 0x80000000 | (high & 0x3fffffff))
    view.setUint32(i * 16 + 12, low)
  }
  return out
}

/** What a message id holds, or undefined when the text is not one of ours. */
export function parseMessageId(uuid: string): (LaneNumber & { readonly offset: bigint }) | undefined {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid)) return undefined
  const bits = BigInt(`0x${uuid.replaceAll('-', '')}`)
  const field = (shift: number, width: number): bigint => (bits >> BigInt(shift)) & ((1n << BigInt(width)) - 1n)
  return {
    laneId: Number(field(100, 28)),
    partition: Number((field(80, 20) << 10n) | field(66, 10)),
    offset: (field(64, 2) << 62n) | field(0, 62),
  }
}
