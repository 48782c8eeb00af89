/** Something wrong in a command line. */
export interface Mistake {
  /** The option or argument that it is about, as typed: `--count`, `<id>`; undefined where it is about several. */
  readonly subject?: string
  readonly text: string
}

/** Every mistake once: an option that has no value at all is not told to have a wrong one as well. */
export function mistakeTexts(found: readonly Mistake[]): string[] {
  const told = new Set<string>()
  const texts = found.flatMap(({ subject, text }) => {
    if (subject !== undefined && told.has(subject)) return []
    if (subject !== undefined) told.add(subject)
    return text
  })
  return [...new Set(texts)]
}
