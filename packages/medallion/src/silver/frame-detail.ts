import type { DecodeFailure } from '@assay/avro'
import { FrameStatus } from '@assay/rules'
import { describeFraming, WIRE_HEADER_BYTES } from '@assay/schema-registry'

/** Largest record that silver looks into. */
export const RECORD_BYTES_MAX = 2 ** 20

interface FrameFacts {
  /** The schema id in the frame, if it has one. */
  readonly id: number | undefined
  /** What its schema or its decoder said. */
  readonly why: string | undefined
  readonly headers: Uint8Array | undefined
}

/** Why a record's frame is not ok, for `error_detail`: what was found and where. */
export function describeFrame(status: number, value: Uint8Array | undefined, facts: FrameFacts): string | undefined {
  const { id, why, headers } = facts
  switch (status) {
    case FrameStatus.value_is_null:
      return why === undefined ? 'the record has no value' : `${why} (schema id ${id})`
    case FrameStatus.record_too_large:
      return `record of ${value?.length} bytes, silver looks into ${RECORD_BYTES_MAX}`
    case FrameStatus.malformed_wire_frame:
      return value && describeFraming(value, headers)
    case FrameStatus.schema_incompatible:
      return `schema id ${id}: ${why}`
    default:
      return why
  }
}

/** How far a record of so many bytes, its frame included, could be read, and why no further. */
export function describeDamage({ read, why }: DecodeFailure, valueBytes: number): string {
  return `record of ${valueBytes} bytes, read up to byte ${read + WIRE_HEADER_BYTES}: ${why}`
}
