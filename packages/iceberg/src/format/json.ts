import { crc32 } from 'node:zlib'
import { AssayError, checkJsonDepth, messageOf, TOOL_JSON_DEPTH_MAX } from '@assay/core'

/** JSON as parsed without loss: integers that a double cannot hold are bigints. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/*
 * Snapshot ids of other writers are random 64-bit numbers. They travel through the native parser as
 * marked strings; the mark starts with a control character, which no sane text holds.
 */
const MARK = '\u0001int64:'
const MARK_ESCAPED = JSON.stringify(MARK).slice(1, -1)
const STRING_OR_LONG_INTEGER = /"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g
const MARKED = new RegExp(`"${MARK_ESCAPED.replace('\\', '\\\\')}(-?\\d+)"`, 'g')

export function corrupt(message: string, cause?: unknown): AssayError {
  return new AssayError('corrupt_metadata', message, {
    hint: 'the metadata file is damaged or not of Iceberg format version 2',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** Parses JSON; integers outside ±2^53 come out as bigints. Throws `corrupt_metadata`. */
export function parseJson(text: string): Json {
  if (text.trim() === '') throw corrupt('the metadata file is empty')
  checkDepth(text)
  let marked = false
  const prepared = text.replace(STRING_OR_LONG_INTEGER, (token) => {
    if (token.startsWith('"') || Number.isSafeInteger(Number(token))) return token
    marked = true
    return `"${MARK_ESCAPED}${token}"`
  })
  try {
    if (!marked) return JSON.parse(text) as Json
    if (text.includes(MARK_ESCAPED)) throw corrupt('a text in the metadata holds a control character')
    return JSON.parse(prepared, (_, value: unknown) =>
      typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
    ) as Json
  } catch (cause) {
    if (cause instanceof AssayError) throw cause
    throw corrupt('the metadata is not JSON', cause)
  }
}

function checkDepth(text: string): void {
  try {
    checkJsonDepth(text, TOOL_JSON_DEPTH_MAX)
  } catch (cause) {
    throw corrupt(`the metadata can't be read: ${messageOf(cause)}`, cause)
  }
}

/** Serialises JSON with bigints as plain integers. `undefined` members are left out. */
export function serializeJson(value: unknown): string {
  const text = JSON.stringify(value, (_, member: unknown) => {
    if (typeof member === 'bigint') return MARK + member
    if (typeof member === 'string' && member.startsWith(MARK))
      throw corrupt('a text to be written holds a control character')
    return member
  })
  return text.replace(MARKED, '$1')
}

export function asObject(value: unknown, where: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw corrupt(`${where} is not an object`)
}

export function asArray(value: unknown, where: string): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[]
  throw corrupt(`${where} is not an array`)
}

export function asString(value: unknown, where: string): string {
  if (typeof value === 'string') return value
  throw corrupt(`${where} is not a string`)
}

export function asInteger(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw corrupt(`${where} is not an integer below 2^53`)
}

/** A 64-bit id, as a bigint whatever its size. */
export function asId(value: unknown, where: string): bigint {
  if (typeof value === 'bigint' && value === BigInt.asIntN(64, value)) return value
  return BigInt(asInteger(value, where))
}

export function asBoolean(value: unknown, where: string): boolean {
  if (typeof value === 'boolean') return value
  throw corrupt(`${where} is not true or false`)
}

/** The members that this code does not know, to be written back as they were. */
export function unknownMembers(object: JsonObject, known: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !known.includes(key)))
}

/**
 * Last member of a JSON object that we wrote, on a line of its own, with the CRC-32 of all before it. Whoever parses
 * the object and writes it anew, as other engines and earlier versions do, leaves it out or moves it: then it says
 * nothing.
 */
export const CHECKSUM = 'assay-checksum'
const CHECKSUM_AT_END = /^,\n"assay-checksum":"([0-9a-f]{8})"\n\}$/
const CHECKSUM_LENGTH = checksumMember('00000000').length

/** The text of an object that is not empty, with its checksum. */
export function withChecksum(text: string): string {
  const open = text.slice(0, -1)
  return open + checksumMember(checksumOf(open))
}

/** Throws `corrupt_metadata` when the text has a checksum, which is not its own. */
export function checkChecksum(text: string): void {
  const [, checksum] = CHECKSUM_AT_END.exec(text.slice(-CHECKSUM_LENGTH)) ?? []
  if (checksum === undefined || checksum === checksumOf(text.slice(0, -CHECKSUM_LENGTH))) return
  throw new AssayError('corrupt_metadata', 'the file is not what was written: its checksum is another', {
    hint: 'restore it from a copy: a backup, a snapshot of the disk, an older version of the object',
  })
}

function checksumMember(checksum: string): string {
  return `,\n"${CHECKSUM}":"${checksum}"\n}`
}

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}
