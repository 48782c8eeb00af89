import type { Column } from '@assay/core'

/** Few distinct texts. */
export function texts(values: readonly (string | null)[]): Column {
  const dictionary = [...new Set(values.filter((text) => text !== null))]
  const codes = new Map(dictionary.map((text, code) => [text, code]))
  const codeOf = (text: string | null): number => (text === null ? -1 : (codes.get(text) as number))
  return { type: 'DICTIONARY', codes: Int32Array.from(values, codeOf), dictionary }
}

export function integers(values: readonly number[]): Column {
  return { type: 'INTEGER', data: Int32Array.from(values) }
}

export function longs(values: readonly (bigint | null)[]): Column {
  return { type: 'BIGINT', data: BigInt64Array.from(values, (value) => value ?? 0n), ...nulls(values) }
}

export function times(values: readonly (bigint | null)[]): Column {
  return { type: 'TIMESTAMPTZ', data: BigInt64Array.from(values, (value) => value ?? 0n), ...nulls(values) }
}

/** As texts, from which the engine makes its decimals. */
export function decimals(values: readonly (bigint | null)[], scale: number): Column {
  return texts(values.map((value) => (value === null ? null : decimalText(value, scale))))
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = unscaled.toString().padStart(scale + 1, '0')
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

function nulls(values: readonly (bigint | null)[]): { readonly nulls?: Uint8Array } {
  return values.includes(null) ? { nulls: Uint8Array.from(values, (value) => (value === null ? 1 : 0)) } : {}
}
