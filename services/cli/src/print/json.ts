/** One JSON value; integers that a double can't hold exactly become texts. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, exact, 2)}\n`
}

/** An integer as a JSON number if that is exact for every reader, else as text. */
export function exactInteger(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

function exact(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? exactInteger(value) : value
}
