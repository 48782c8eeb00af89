import { ROLLED_BACK } from './external-changes.js'
import { TABLES } from './named-objects.js'
import { codeOf } from './sim-process.js'
import type { SimStore, WriteFate } from './sim-store.js'
import type { World } from './world.js'

/** What there is in the tables' folders. */
const KINDS: Readonly<Record<string, RegExp>> = {
  metadata: /\/metadata\/v\d+\.metadata\.json$/,
  hint: /\/metadata\/version-hint\.text$/,
  list: /\/metadata\/snap-[^/]+\.avro$/,
  manifest: /\/metadata\/(?!snap-)[^/]+\.avro$/,
  keys: /\/keys\/[^/]+\.keys$/,
  data: /\.parquet$/,
}
/** What is damaged, the more often the more there is to be told. */
const DAMAGED = [
  ...['metadata', 'metadata', 'list', 'list', 'manifest', 'manifest', 'manifest'],
  ...['keys', 'data', 'data', 'data', 'hint'],
]
/** To what lies there. */
const AT_REST = ['bit', 'bit', 'cut', 'zeros', 'other', 'gone'] as const
/** To the next object of a kind that is written, whose writer is told that all is well. */
const IN_WRITING = ['lost', 'short', 'misdirected'] as const
/** Where a commit is gone of which others know, the tables that know of it are named. */
const CONSEQUENCES: ReadonlySet<string> = new Set([...ROLLED_BACK, 'letters_inconsistent'])
const BLOCK_BYTES = [8, 64, 512]
/** More would hide one another: whoever stands still because of one reads nothing of the next. */
const FAULTS_MAX = 2
const BRACE = 0x7b

/** Faults of the disks below the store, and what each object that one befell would be. */
export class StoreFaults {
  /** Whether something that befell an object can't be undone by putting back what it was told to be. */
  isLasting = false
  /** Tables whose objects were damaged, and the names of those objects. */
  readonly #damaged = new Set<string>()
  #hasDamagedData = false
  readonly #store: SimStore
  readonly #world: World
  /** Drawn when the first comes: runs without any draw nothing for them. */
  #left: number | undefined

  constructor(store: SimStore, world: World) {
    this.#store = store
    this.#world = world
  }

  /**
   * Something happens to an object, or to one that is written next; or nothing, as often as not, so that one is left.
   */
  async inject(): Promise<void> {
    const world = this.#world
    this.#left ??= 1 + world.below(FAULTS_MAX)
    if (this.#left === 0 || (this.#left === 1 && world.chance(0.7))) return
    const fault = world.oneOf([...AT_REST, ...IN_WRITING])
    if (!(IN_WRITING as readonly string[]).includes(fault)) return this.#damageAtRest(fault)
    const kind = world.oneOf(DAMAGED)
    const pattern = KINDS[kind] as RegExp
    this.#left--
    this.#store.onWrite = (key, bytes) => (pattern.test(key) ? this.#fateOf(fault, pattern, key, bytes) : undefined)
    world.tell(`the next ${kind} is ${fault}`)
  }

  async #damageAtRest(fault: string): Promise<void> {
    const world = this.#world
    const kind = world.oneOf(DAMAGED)
    const keys = await this.#keys(KINDS[kind] as RegExp)
    if (keys.length === 0) return
    this.#left = (this.#left ?? 1) - 1
    const key = this.#newestMostly(keys)
    const bytes = (await this.#store.get(key)) ?? new Uint8Array()
    const isRead = kind === 'metadata' || kind === 'hint'
    this.#note(key, kind === 'data' || fault === 'other' || (fault === 'gone' && isRead))
    await this.#store.damage(key, await this.#spoilt(fault, bytes, keys))
    world.tell(`${fault} in ${key}`)
  }

  /** No write goes wrong any more. */
  calm(): void {
    this.#store.onWrite = undefined
  }

  /** What is left happens now, when nobody is at work. */
  async end(): Promise<void> {
    for (; this.#left !== undefined && this.#left > 0; this.#left--)
      await this.#damageAtRest(this.#world.oneOf(AT_REST))
  }

  /**
   * Whether an error may come of what was damaged: it names that, or what became of it, or the engine can't decode
   * something.
   */
  explains(error: unknown): boolean {
    const code = codeOf(error)
    if (code === 'engine_statement_failed') return this.#hasDamagedData
    return this.names(toldBy(error)) || (this.isLasting && CONSEQUENCES.has(code))
  }

  names(text: string): boolean {
    return [...this.#damaged].some((name) => text.includes(name))
  }

  async #keys(pattern: RegExp): Promise<string[]> {
    const keys: string[] = []
    for await (const { key, modified_ms } of this.#store.list('tables/'))
      if (pattern.test(key)) keys.push(`${modified_ms} ${key}`)
    const number = (entry: string): number => Number(entry.slice(0, entry.indexOf(' ')))
    return keys.sort((a, b) => number(a) - number(b)).map((entry) => entry.slice(entry.indexOf(' ') + 1))
  }

  /** What was written last is what is read next. */
  #newestMostly(keys: readonly string[]): string {
    return this.#world.chance(0.5) ? this.#world.oneOf(keys.slice(-4)) : this.#world.oneOf(keys)
  }

  async #spoilt(fault: string, bytes: Uint8Array, keys: readonly string[]): Promise<Uint8Array | undefined> {
    const world = this.#world
    const size = Math.min(world.oneOf(BLOCK_BYTES), bytes.length)
    switch (fault) {
      case 'gone':
        return undefined
      case 'other':
        return this.#store.get(world.oneOf(keys))
      case 'cut':
        return bytes.slice(0, bytes.length - Math.min(bytes.length, 1 + world.below(size)))
      case 'zeros': {
        const at = world.below(bytes.length - size + 1)
        return bytes.slice().fill(0, at, at + size)
      }
      default:
        return bytes.length === 0 ? bytes : this.#flipped(bytes)
    }
  }

  /** In text, a digit that becomes another does most harm: all that is left to tell is a checksum. */
  #flipped(bytes: Uint8Array): Uint8Array {
    const world = this.#world
    const isText = bytes[0] === BRACE
    const digits = isText ? [...bytes.keys()].filter((at) => isDigit(bytes[at])) : []
    const isDigitFlipped = digits.length > 0 && world.chance(0.7)
    const at = isDigitFlipped ? world.oneOf(digits) : world.below(bytes.length)
    const flipped = bytes.slice()
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (isDigitFlipped ? 0 : world.below(8)))
    return flipped
  }

  async #fateOf(fault: string, pattern: RegExp, key: string, bytes: Uint8Array): Promise<WriteFate> {
    this.#store.onWrite = undefined
    this.#note(key, true)
    this.#world.tell(`${fault} write of ${key}`)
    if (fault === 'short') return { kind: 'short', length: this.#world.below(bytes.length) }
    if (fault === 'lost') return { kind: 'lost' }
    const others = (await this.#keys(pattern)).filter((one) => one !== key)
    if (others.length === 0) return { kind: 'lost' }
    const to = this.#newestMostly(others)
    this.#note(to, true)
    return { kind: 'misdirected', to }
  }

  #note(key: string, isLasting: boolean): void {
    const parts = key.slice(`${TABLES}/`.length).split('/')
    this.#damaged.add(parts[0] as string)
    this.#damaged.add(parts.at(-1) as string)
    this.isLasting ||= isLasting
    this.#hasDamagedData ||= KINDS.data?.test(key) === true
  }
}

/** All that an error tells, with its hint and its causes. */
export function toldBy(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { hint, cause } = error as { hint?: unknown; cause?: unknown }
  return [error.message, hint, cause && toldBy(cause)].filter(Boolean).join('; ')
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}
