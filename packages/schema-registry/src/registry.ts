/** A schema as the registry answers for an id. */
export type SchemaLookup =
  | { readonly kind: 'found'; readonly schema: string }
  /** The registry is there and says that it never gave out this id. */
  | { readonly kind: 'unknown' }

/**
 * Gives ids to schemas and schemas to ids. A registry that does not answer throws an `OutageError`:
 * that is never the record's fault.
 */
export interface SchemaRegistry {
  /**
   * Registers under a subject (`<topic>-value`); the same schema text always gets the same id. Throws
   * `schema_incompatible` when data written with the subject's latest schema can't be read with this one; what the
   * subject had before is taken again.
   */
  register(subject: string, schema: string): Promise<number>
  schema(id: number): Promise<SchemaLookup>
}
