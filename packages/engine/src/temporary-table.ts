declare const temporaryTableBrand: unique symbol

/**
 * A temporary table or view of a session. Who makes it hands it on to those that read it, so that signatures show what
 * flows through the engine. It holds what it was filled with until the session makes another of its name, or closes.
 */
export interface TemporaryTable {
  /** A plain identifier: SQL needs no quotes around it. */
  readonly name: string
  readonly [temporaryTableBrand]: true
}

export function temporaryTable(name: string): TemporaryTable {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) throw new RangeError(`${name} is no name of a temporary table`)
  return { name } as TemporaryTable
}
