import { AssayError } from '@assay/core'

/** Windows side by side: `[n × size, (n + 1) × size)`, µs. */
export interface TumblingSpec {
  readonly kind: 'tumbling'
  readonly size_us: bigint
}

/** Windows that overlap: `[n × slide, n × slide + size)`, µs. The slide divides the size. */
interface SlidingSpec {
  readonly kind: 'sliding'
  readonly size_us: bigint
  readonly slide_us: bigint
}

/** A window for each run of events of a key that lie less than the gap apart, µs; it ends with the UTC day. */
export interface SessionSpec {
  readonly kind: 'session'
  readonly gap_us: bigint
}

/** Windows that are the same for all keys: aligned to 1970 in UTC. Number `n` begins at n × step. */
export type AlignedSpec = TumblingSpec | SlidingSpec

const GREATEST_US = BigInt(Number.MAX_SAFE_INTEGER)
/** Every time falls into that many windows at most: a day that slides by a minute has 1,440. */
const WINDOWS_OF_A_TIME_MAX = 10_000n

/** Throws `bad_window` unless the size is a positive whole number of µs. */
export function tumbling(size_us: number | bigint): TumblingSpec {
  return { kind: 'tumbling', size_us: micros('size', size_us) }
}

/** Throws `bad_window` unless size and slide are positive whole numbers of µs and the slide divides the size. */
export function sliding(size_us: number | bigint, slide_us: number | bigint): SlidingSpec {
  const size = micros('size', size_us)
  const slide = micros('slide', slide_us)
  if (slide > size) {
    throw new AssayError('bad_window', `the slide of a window, ${slide} µs, is greater than its size, ${size} µs`, {
      hint: 'make the slide at most the size: with a greater one some events would be in no window',
    })
  }
  if (size % slide !== 0n) {
    throw new AssayError('bad_window', `the slide of a window, ${slide} µs, does not divide its size, ${size} µs`, {
      hint: 'make the size a multiple of the slide, for example five minutes that slide by one',
    })
  }
  if (size / slide > WINDOWS_OF_A_TIME_MAX) {
    throw new AssayError(
      'bad_window',
      `a size of ${size} µs and a slide of ${slide} µs put each event into ${size / slide} windows`,
      {
        hint: `make the slide greater: ${WINDOWS_OF_A_TIME_MAX} windows for an event are the limit`,
      },
    )
  }
  return { kind: 'sliding', size_us: size, slide_us: slide }
}

/** Throws `bad_window` unless the gap is a positive whole number of µs. */
export function session(gap_us: number | bigint): SessionSpec {
  return { kind: 'session', gap_us: micros('gap', gap_us) }
}

/** From the beginning of one window to that of the next, µs. */
export function stepOf(spec: AlignedSpec): bigint {
  return spec.kind === 'sliding' ? spec.slide_us : spec.size_us
}

function micros(what: string, value: number | bigint): bigint {
  if (typeof value === 'number' ? !Number.isSafeInteger(value) : value > GREATEST_US) {
    throw new AssayError(
      'bad_window',
      `the ${what} of a window, ${value} µs, is no whole number up to ${GREATEST_US}`,
      {
        hint: `give the ${what} in whole microseconds: 60000000 is a minute`,
      },
    )
  }
  if (value <= 0) {
    throw new AssayError('bad_window', `the ${what} of a window, ${value} µs, is not above zero`, {
      hint: `give a ${what} of at least 1 µs: 60000000 is a minute`,
    })
  }
  return BigInt(value)
}
