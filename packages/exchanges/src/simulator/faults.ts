import type { SimulatedTrade } from '../exchange.js'

/** One way to make a valid record invalid: it breaks the rule `reason` and no other. */
export interface Fault {
  /** The reason that silver gives. */
  readonly reason: string
  /** Changes to the trade; `turn` counts up, to choose among variants. */
  readonly trade?: (trade: SimulatedTrade, turn: number) => Partial<SimulatedTrade>
  /** Changes to the framed record; null for a record without value. */
  readonly wire?: (framed: Uint8Array, turn: number) => Uint8Array | null
}

const DAY_US = 86_400_000_000n
const FAR_OFF_US = 2n ** 63n - 1n

function oneOf<Value>(values: readonly [Value, ...Value[]], turn: number): Value {
  return values[turn % values.length] ?? values[0]
}

/** Faults that any exchange's records can have. `unknownHeader` is the wire header of an id that nobody gave out. */
function commonFaults(unknownHeader: Uint8Array): Fault[] {
  return [
    { reason: 'price_must_be_positive', trade: (_, turn) => ({ price: oneOf(['-1.00', '0'], turn) }) },
    { reason: 'quantity_must_be_positive', trade: (_, turn) => ({ quantity: oneOf(['-1.00', '0'], turn) }) },
    { reason: 'price_malformed', trade: (_, turn) => ({ price: oneOf(['1_000.5', ' 12 ', 'NaN', '1e-30'], turn) }) },
    { reason: 'price_not_representable', trade: () => ({ price: '1.0000000000000000001' }) },
    { reason: 'quantity_malformed', trade: (_, turn) => ({ quantity: oneOf(['1,5', '+1', '.5', 'Infinity'], turn) }) },
    { reason: 'timestamp_in_future', trade: (trade) => ({ event_time_us: trade.event_time_us + DAY_US }) },
    { reason: 'timestamp_too_old', trade: (trade) => ({ event_time_us: trade.event_time_us - 400n * DAY_US }) },
    { reason: 'timestamp_out_of_range', trade: () => ({ event_time_us: FAR_OFF_US }) },
    { reason: 'symbol_required', trade: () => ({ symbol: '' }) },
    { reason: 'currency_unknown', trade: () => ({ symbol: 'FOOBAR' }) },
    { reason: 'malformed_wire_frame', wire: brokenFrame },
    { reason: 'avro_decode_failed', wire: (framed) => cutBody(framed, unknownHeader.length) },
    { reason: 'unknown_schema_id', wire: (framed) => withHeader(framed, unknownHeader) },
    { reason: 'value_is_null', wire: () => null },
  ]
}

/** Every fault that an exchange's records can have; `textSide` adds those of sides in text. */
export function faults(unknownHeader: Uint8Array, textSide: boolean): readonly Fault[] {
  const common = commonFaults(unknownHeader)
  return textSide ? [...common, { reason: 'invalid_side', trade: () => ({ side: 'x' }) }] : common
}

function brokenFrame(framed: Uint8Array, turn: number): Uint8Array {
  const length = oneOf([0, 2, 4, framed.length], turn)
  const broken = framed.slice(0, length)
  if (length === framed.length) broken[0] = 1
  return broken
}

/** Half of a body is never a body: Avro has no end mark, so reading runs out of bytes. */
function cutBody(framed: Uint8Array, headerBytes: number): Uint8Array {
  return framed.slice(0, (headerBytes + framed.length) >>> 1)
}

function withHeader(framed: Uint8Array, header: Uint8Array): Uint8Array {
  const changed = framed.slice()
  changed.set(header)
  return changed
}
