/** True when `bytes[start .. end)` is UTF-8 as Unicode defines it: no surrogates, no overlong forms. */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    const first = bytes[at] as number
    if (first < 0x80) {
      at++
      continue
    }
    const length = sequenceLength(first)
    if (length === 0 || at + length > end) return false
    if (!isSecond(first, bytes[at + 1] as number)) return false
    for (let i = 2; i < length; i++) {
      if (((bytes[at + i] as number) & 0xc0) !== 0x80) return false
    }
    at += length
  }
  return true
}

function sequenceLength(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 2
  if (first >= 0xe0 && first <= 0xef) return 3
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0
}

/** The second byte carries the limits: Unicode standard, table 3-7. */
function isSecond(first: number, second: number): boolean {
  switch (first) {
    case 0xe0:
      return second >= 0xa0 && second <= 0xbf
    case 0xed:
      return second >= 0x80 && second <= 0x9f
    case 0xf0:
      return second >= 0x90 && second <= 0xbf
    case 0xf4:
      return second >= 0x80 && second <= 0x8f
    default:
      return (second & 0xc0) === 0x80
  }
}
