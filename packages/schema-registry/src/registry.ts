/** A schema as the registry answers for an id. */
export type SchemaLookup =
  | {
      readonly kind: 'found'
      /** The schema's JSON text. */
      readonly schema: string
      /** Texts of the schemas whose types this one names, each after those that it names itself. */
      readonly references?: readonly string[]
    }
  /** The id is that of a schema in another language than Avro, such as JSON or PROTOBUF. */
  | { readonly kind: 'foreign'; readonly schemaType: string }
  /** The registry is there and says that it never gave out this id. */
  | { readonly kind: 'unknown' }
  /** The registry is there and shows another id, but refuses to show this one. */
  | { readonly kind: 'denied'; readonly detail: string }

/** How a schema would fare under a subject. */
export interface SubjectReport {
  readonly standing:
    | { readonly kind: 'registered'; readonly id: number }
    /** The subject has none yet. */
    | { readonly kind: 'absent' }
    /** It would follow the subject's latest one. */
    | { readonly kind: 'compatible' }
    | { readonly kind: 'incompatible'; readonly detail: string }
  /** What the registry demands of a new schema; undefined where it does not say. */
  readonly level: string | undefined
}

/**
 * Gives ids to schemas and schemas to ids. A registry that does not answer throws an `OutageError`:
 * that is never the record's fault.
 */
export interface SchemaRegistry {
  /**
   * Registers under a subject (`<topic>-value`); the same schema text always gets the same id. Throws
   * `schema_incompatible` when data written with the subject's latest schema can't be read with this one, or data
   * written with this one not by those who read the subject; what the subject had before is taken again.
   */
  register(subject: string, schema: string): Promise<number>
  /**
   * `witness` is an id that the registry showed before. A registry that refuses access, and shows no other id, throws an
   * `OutageError`, since nothing tells whether it refuses this id or everything.
   */
  schema(id: number, witness?: number): Promise<SchemaLookup>
  /** Looks how a schema would fare under a subject, and registers nothing. */
  inspect?(subject: string, schema: string): Promise<SubjectReport>
}
