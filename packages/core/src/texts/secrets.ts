import type { Writable } from 'node:stream'

const HIDDEN = '***'

/** Variables whose values are secrets, of Assay's own settings and of those that the AWS chain reads. */
const SECRET_NAME = /^(?:ASSAY|AWS)_\w*(?:PASSWORD|TOKENS?|CREDENTIAL|SECRET_ACCESS_KEY)$/
/** A shorter value is not looked for in texts: it would blank out parts of ordinary words and numbers. */
const CHARACTERS_MIN = 4

/** `user:password@` of an address; the password may hold whatever people forget to encode, but a port is none. */
const USER_INFO = /([a-z][a-z\d+.-]*:\/\/)(?:[^\s/?#"']*|[^\s/?#"'@:]+:(?!\d+(?:[/?#]|\s|$))[^\s"'@]*)@/gi
/** Parameters of an address, and headers, that carry what lets one in. */
const PARAMETER = /([?&](?:[\w-]*(?:token|password|passwd|secret|signature|credential|api_?key))=)[^&\s"'#]+/gi
const HEADER = /(\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic)\s+)[^\s"',]+/gi
/** A JSON web token: three parts in base64url, of which the first begins with `{"`. Source: RFC 7519. */
const WEB_TOKEN = /\beyJ[\w-]{6,}\.[\w-]+\.[\w-]*/g

/** A string of JSON; with the colon, the name of a field. */
const JSON_STRING = /"(?:[^"\\]|\\.)*"(\s*:)?/g

type Environment = Readonly<Record<string, string | undefined>>

/** Whether a variable of that name holds a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

/** A text without the secrets that it may repeat. Empty ones are none. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((left, secret) => (secret === '' ? left : left.replaceAll(secret, HIDDEN)), text)
}

/**
 * What takes secrets out of the texts that a process writes for people and logs: the values of the variables that hold
 * secrets, as they are and as they stand in addresses, headers and JSON, and logins that are part of any address. JSON
 * stays JSON: only the strings in it change, and not the names of fields.
 */
export function secretFilter(env: Environment): (text: string) => string {
  const secrets = secretsOf(env)
  const numbers = secrets
    .filter((secret) => /^\d+$/.test(secret))
    .map((secret) => new RegExp(`(?<!\\d)${secret}(?!\\d)`, 'g'))
  const words = secrets.filter((secret) => !/^\d+$/.test(secret))
  const hide = (text: string): string => {
    const left = numbers.reduce((rest, number) => rest.replace(number, HIDDEN), withoutSecrets(text, words))
    return left
      .replace(USER_INFO, `$1${HIDDEN}@`)
      .replace(PARAMETER, `$1${HIDDEN}`)
      .replace(HEADER, `$1${HIDDEN}`)
      .replace(WEB_TOKEN, HIDDEN)
  }
  return (text) =>
    isJson(text)
      ? text.replace(JSON_STRING, (string: string, colon?: string) => (colon ? string : hideInJson(string, hide)))
      : hide(text)
}

function hideInJson(string: string, hide: (text: string) => string): string {
  try {
    const text = String(JSON.parse(string))
    const left = hide(text)
    return left === text ? string : JSON.stringify(left)
  } catch {
    // It only looked like JSON.
    return hide(string)
  }
}

/**
 * From now on texts come to the stream without secrets, whoever writes them. Bytes are data, which is none of the
 * process's own words: they stay as they are.
 */
export function hideSecretsOn(stream: Writable, env: Environment): void {
  const hide = secretFilter(env)
  const write = stream.write.bind(stream) as (...given: unknown[]) => boolean
  stream.write = (...[chunk, ...rest]: unknown[]) => write(typeof chunk === 'string' ? hide(chunk) : chunk, ...rest)
}

/** Longest first, so that none is taken for a part of another. */
function secretsOf(env: Environment): string[] {
  const values = Object.entries(env).flatMap(([name, value]) =>
    isSecretName(name) && value ? [value, ...partsOf(name, value), ...headersOf(env, name, value)] : [],
  )
  const forms = values.filter((value) => value.length >= CHARACTERS_MIN).flatMap(formsOf)
  return [...new Set(forms)].sort((a, b) => b.length - a.length)
}

/** Of a list its items, of `id:secret` the secret. */
function partsOf(name: string, value: string): string[] {
  if (name.endsWith('TOKENS')) return value.split(',').map((token) => token.trim())
  return name.endsWith('CREDENTIAL') ? [value.replace(/^[^:]*:/, '')] : []
}

/** A password as it goes over the wire, beside the name of its user. */
function headersOf(env: Environment, name: string, password: string): string[] {
  const user = env[name.replace(/PASSWORD$/, 'USERNAME')]
  return name.endsWith('PASSWORD') && user ? [Buffer.from(`${user}:${password}`).toString('base64')] : []
}

/** A text as it is, in an address, in a form's body, and in JSON. */
function formsOf(text: string): string[] {
  const form = new URLSearchParams([['', text]]).toString().slice(1)
  return [text, percentEncoded(text), form, JSON.stringify(text).slice(1, -1)]
}

function percentEncoded(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd'))
}

function isJson(text: string): boolean {
  return /^\s*[[{]/.test(text) && /[\]}]\s*$/.test(text)
}
