import { isSecretName } from '@assay/core'

/** A shorter value may be in a text by chance. */
const CHARACTERS_MIN = 6

/** Names of the variables whose secrets the text repeats; no process may write one to its log or outputs. */
export function secretsIn(text: string, env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value]) =>
    isSecretName(name) && value && value.length >= CHARACTERS_MIN && text.includes(value) ? [name] : [],
  )
}
