import type { NumberRange } from './options.js'

/** Records a second that can be asked for. */
export const RATES: NumberRange = { least: 0.001, most: 10_000_000 }
/** A part of a whole. */
export const FRACTIONS: NumberRange = { least: 0, most: 1 }
/** Numbers of records, offsets and the like. */
export const COUNTS: NumberRange = { least: 0, most: Number.MAX_SAFE_INTEGER }
