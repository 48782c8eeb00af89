const CHARACTERS_MAX = 64
/** Letters and digits of any script; marks belong to the letter before them. Characters that show nothing are none. */
const LETTER = '(?!\\p{Default_Ignorable_Code_Point})[\\p{L}\\p{Nd}]'
const MARK = '(?!\\p{Default_Ignorable_Code_Point})\\p{M}'
const SHOWN_CHARACTERS_MAX = 40

/** What a symbol may be written like. */
export interface SymbolGrammar {
  /** The grammar in words, for people. */
  readonly means: string
  test(text: string): boolean
}

/**
 * The one grammar of symbols, at every door and in silver: letters and digits of any script, between them the
 * separators that the exchange uses; no blanks, controls or bidirectional marks.
 */
export function symbolGrammar(separators: string): SymbolGrammar {
  const separator = `[${separators.replace(/[\\\]^-]/g, '\\$&')}]`
  const pattern = new RegExp(`^${LETTER}(?:${MARK}|${separator}?${LETTER})*$`, 'u')
  return {
    means: `letters and digits, with ${[...separators].join(' or ')} between them, at most ${CHARACTERS_MAX}`,
    test: (text) => text.length <= 2 * CHARACTERS_MAX && pattern.test(text) && [...text].length <= CHARACTERS_MAX,
  }
}

/** A text with its blanks at the ends and its invisible characters to be seen. */
export function visibleText(text: string): string {
  const characters = [...text.slice(0, 2 * SHOWN_CHARACTERS_MAX)]
  const start = characters.slice(0, SHOWN_CHARACTERS_MAX).join('')
  const shown = JSON.stringify(start).replace(INVISIBLE, (character) => {
    return `\\u{${(character.codePointAt(0) as number).toString(16)}}`
  })
  return start.length < text.length ? `${shown}…` : shown
}

/** Controls, formats, separators other than the common blank, and whatever else shows nothing. */
const INVISIBLE = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu
