import type { RowColumns } from '@assay/core'
import {
  type Decimals,
  decimalsOf,
  integersOf,
  type Longs,
  longsOf,
  type Spans,
  spansOf,
  type Texts,
  textAt,
  textsOf,
} from './column-readers.js'

/** Columns that rows of a batch lie in, each in the form that loops read, made when it is first asked for. */
export class TradeBlock {
  readonly columns: RowColumns
  readonly #count: number
  readonly #texts = new Map<string, Texts>()
  #ids: Longs | undefined
  #times: Longs | undefined
  #offsets: Longs | undefined
  #partitions: Int32Array | undefined
  #prices: Decimals | undefined
  #quantities: Decimals | undefined

  /** `count` is how many rows the columns have, those of other batches too. */
  constructor(columns: RowColumns, count: number) {
    this.columns = columns
    this.#count = count
  }

  /** How many rows the columns have. */
  get count(): number {
    return this.#count
  }

  /** Trade numbers; null where the exchange gave none. */
  get ids(): Longs {
    this.#ids ??= longsOf(this.columns, 'source_sequence', this.#count)
    return this.#ids
  }

  /** When each trade happened, in µs since 1970. */
  get times(): Longs {
    this.#times ??= longsOf(this.columns, 'timestamp', this.#count)
    return this.#times
  }

  get offsets(): Longs {
    this.#offsets ??= longsOf(this.columns, 'offset', this.#count)
    return this.#offsets
  }

  get partitions(): Int32Array {
    this.#partitions ??= integersOf(this.columns, 'partition', this.#count)
    return this.#partitions
  }

  get prices(): Decimals {
    this.#prices ??= decimalsOf(this.columns, 'price')
    return this.#prices
  }

  get quantities(): Decimals {
    this.#quantities ??= decimalsOf(this.columns, 'quantity')
    return this.#quantities
  }

  texts(name: 'exchange' | 'currency' | 'symbol' | 'topic' | 'side'): Texts {
    let texts = this.#texts.get(name)
    if (!texts) {
      texts = textsOf(this.columns, name, this.#count)
      this.#texts.set(name, texts)
    }
    return texts
  }

  /** Trade ids of these rows, as bytes. */
  tradeIds(rows: Uint32Array): Spans {
    return spansOf(this.columns, 'trade_id', rows)
  }

  text(name: 'exchange' | 'currency' | 'symbol' | 'trade_id' | 'side', row: number): string | null {
    return textAt(this.columns, name, row)
  }
}
