import { badCheckpoint, type Checkpoint, type StateMembers, type TableState } from '@assay/pipeline'
import { z } from 'zod'

/** Where the key set was saved last. */
interface SavedKeySet {
  /** Key of the object in the store. */
  readonly path: string
  /** Sequence number of the snapshot that it was made from. */
  readonly sequence: number
}

const member = z.looseObject({ path: z.string(), sequence: z.int().min(0) }).optional()

/** Reads it from gold's checkpoint; undefined before the first save. Throws `bad_checkpoint`. */
export function readSavedKeySet({ state }: Pick<Checkpoint, 'state'>): SavedKeySet | undefined {
  const { success, data, error } = member.safeParse(state?.keys)
  if (success) return data
  throw badCheckpoint("gold's state", error)
}

export function keySetState(keys: SavedKeySet): StateMembers {
  return { keys }
}

/** Another worker may have saved its key set meanwhile: each is true of the snapshot that it names. */
export const GOLD_STATE: TableState = {
  noted: ['keys'],
  files: (checkpoint) => {
    const saved = readSavedKeySet(checkpoint)
    return saved ? [saved.path] : []
  },
}
