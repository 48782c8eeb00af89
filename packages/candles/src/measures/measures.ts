import type { Aggregate } from '@assay/pipeline'

/** A trade as far as it decides which of two comes first: by time, sequence (none comes last), id. */
interface TradePoint {
  readonly time_us: number
  readonly sequence: bigint | undefined
  readonly id: string
  readonly price: bigint
}

/**
 * What a window's trades add up to; prices and quantities as unscaled integers of ten decimals, products of twenty.
 * The order of trades, and how they are split and merged, makes no difference.
 */
export interface Measures {
  trades: number
  volume: bigint
  quoteVolume: bigint
  buyTrades: number
  buyVolume: bigint
  buyQuoteVolume: bigint
  high: bigint
  low: bigint
  /** The first and the last trade; undefined without a trade. */
  open: TradePoint | undefined
  close: TradePoint | undefined
  /** Trades with a number, the least and the greatest of these. */
  numbered: number
  firstSequence: bigint | undefined
  lastSequence: bigint | undefined
  replayed: number
}

/** The trades of a batch, by row. */
export interface TradeReader {
  time_us(row: number): number
  sequence(row: number): bigint | undefined
  id(row: number): string
  price(row: number): bigint
  quantity(row: number): bigint
  isBuy(row: number): boolean
  isReplayed(row: number): boolean
}

export function noTrades(): Measures {
  return {
    trades: 0,
    volume: 0n,
    quoteVolume: 0n,
    buyTrades: 0,
    buyVolume: 0n,
    buyQuoteVolume: 0n,
    high: 0n,
    low: 0n,
    open: undefined,
    close: undefined,
    numbered: 0,
    firstSequence: undefined,
    lastSequence: undefined,
    replayed: 0,
  }
}

/** Measures while rows are folded: the first and the last trade are known by their rows. */
export interface RowMeasures extends Omit<Measures, 'open' | 'close'> {
  openRow: number
  closeRow: number
}

/** Folds the rows that the reader gives. */
export function rowFold(reader: TradeReader): Pick<Aggregate<RowMeasures, number>, 'empty' | 'fold'> {
  return {
    empty: () => ({ ...noTrades(), openRow: -1, closeRow: -1 }),
    fold: (acc, row) => fold(acc, reader, row),
  }
}

/** The measures of rows that the reader gave. */
export function measuresOfRows({ openRow, closeRow, ...sums }: RowMeasures, reader: TradeReader): Measures {
  return { ...sums, open: pointAt(reader, openRow), close: pointAt(reader, closeRow) }
}

function fold(acc: RowMeasures, reader: TradeReader, row: number): RowMeasures {
  const price = reader.price(row)
  const quantity = reader.quantity(row)
  const product = price * quantity
  acc.volume += quantity
  acc.quoteVolume += product
  if (reader.isBuy(row)) {
    acc.buyTrades += 1
    acc.buyVolume += quantity
    acc.buyQuoteVolume += product
  }
  if (acc.trades === 0 || price > acc.high) acc.high = price
  if (acc.trades === 0 || price < acc.low) acc.low = price
  const sequence = reader.sequence(row)
  if (sequence !== undefined) {
    if (acc.firstSequence === undefined || sequence < acc.firstSequence) acc.firstSequence = sequence
    if (acc.lastSequence === undefined || sequence > acc.lastSequence) acc.lastSequence = sequence
    acc.numbered += 1
  }
  if (reader.isReplayed(row)) acc.replayed += 1
  if (acc.trades === 0 || rowComesBefore(reader, row, acc.openRow)) acc.openRow = row
  if (acc.trades === 0 || rowComesBefore(reader, acc.closeRow, row)) acc.closeRow = row
  acc.trades += 1
  return acc
}

/** As `comesBefore`; objects, and texts of ids, are only made where the times are the same. */
function rowComesBefore(reader: TradeReader, a: number, b: number): boolean {
  const [aTime_us, bTime_us] = [reader.time_us(a), reader.time_us(b)]
  if (aTime_us !== bTime_us) return aTime_us < bTime_us
  return comesBefore(pointAt(reader, a), pointAt(reader, b))
}

function pointAt(reader: TradeReader, row: number): TradePoint {
  return {
    time_us: reader.time_us(row),
    sequence: reader.sequence(row),
    id: reader.id(row),
    price: reader.price(row),
  }
}

/** Which of two trades comes first: by time, then sequence, of which none comes last, then id. */
function comesBefore(a: TradePoint, b: TradePoint): boolean {
  if (a.time_us !== b.time_us) return a.time_us < b.time_us
  if (a.sequence !== b.sequence) {
    if (a.sequence === undefined) return false
    return b.sequence === undefined || a.sequence < b.sequence
  }
  return a.id < b.id
}

/** Leaves both as they are. */
export function mergeMeasures(a: Measures, b: Measures): Measures {
  if (a.trades === 0) return { ...b }
  if (b.trades === 0) return { ...a }
  const [aOpen, bOpen, aClose, bClose] = [a.open, b.open, a.close, b.close] as [
    TradePoint,
    TradePoint,
    TradePoint,
    TradePoint,
  ]
  return {
    trades: a.trades + b.trades,
    volume: a.volume + b.volume,
    quoteVolume: a.quoteVolume + b.quoteVolume,
    buyTrades: a.buyTrades + b.buyTrades,
    buyVolume: a.buyVolume + b.buyVolume,
    buyQuoteVolume: a.buyQuoteVolume + b.buyQuoteVolume,
    high: a.high > b.high ? a.high : b.high,
    low: a.low < b.low ? a.low : b.low,
    open: comesBefore(bOpen, aOpen) ? bOpen : aOpen,
    close: comesBefore(aClose, bClose) ? bClose : aClose,
    numbered: a.numbered + b.numbered,
    firstSequence: least(a.firstSequence, b.firstSequence),
    lastSequence: greatest(a.lastSequence, b.lastSequence),
    replayed: a.replayed + b.replayed,
  }
}

function least(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a < b ? a : b
}

function greatest(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a > b ? a : b
}

/** The greatest unscaled value of a decimal of 38 digits. */
const DECIMAL_MAX = 10n ** 38n - 1n

/** The value where a decimal of 38 digits holds it, else undefined: the measure is null then. */
export function fitting(value: bigint): bigint | undefined {
  return value <= DECIMAL_MAX ? value : undefined
}

/** Average price by quantity, ten decimals, half to even; no trade has a quantity of zero. */
export function vwapOf({ volume, quoteVolume }: Measures): bigint {
  const quotient = quoteVolume / volume
  const twice = (quoteVolume - quotient * volume) * 2n
  if (twice > volume || (twice === volume && quotient % 2n === 1n)) return quotient + 1n
  return quotient
}

/** Numbers that the exchange has given out between the window's first and last trade and that are not among its trades. */
export function missingTrades({ trades, numbered, firstSequence, lastSequence }: Measures): bigint | undefined {
  if (numbered < trades || firstSequence === undefined || lastSequence === undefined) return undefined
  return lastSequence - firstSequence + 1n - BigInt(trades)
}
