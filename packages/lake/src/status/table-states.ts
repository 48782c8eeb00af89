import { currentSnapshot } from '@assay/iceberg'
import type { Checkpoint, TableDefinition } from '@assay/pipeline'
import type { Lake } from '../lake.js'
import { type ExistingTable, ofTable, pinExisting, type TableProblem } from '../loaded-tables.js'

export interface TableState {
  readonly checkpoint: Checkpoint
  readonly rows: number
  readonly last_commit_ms: number | null
  /** Undefined for a table that no worker has made yet. */
  readonly existing: ExistingTable | undefined
}

/** Tables as they were when each was first looked at. */
export interface TableStates {
  /** Undefined for a table that can't be used. */
  stateOf(definition: TableDefinition): Promise<TableState | undefined>
  readonly unusable: Map<string, TableProblem>
}

export function newTableStates(lake: Lake): TableStates {
  const unusable = new Map<string, TableProblem>()
  const states = new Map<string, Promise<TableState | undefined>>()
  const look = async (definition: TableDefinition): Promise<TableState | undefined> => {
    const state = await ofTable(definition, () => stateOf(lake, definition))
    if ('value' in state) return state.value
    unusable.set(definition.name, state.problem)
    return undefined
  }
  return {
    unusable,
    stateOf(definition) {
      const known = states.get(definition.name) ?? look(definition)
      states.set(definition.name, known)
      return known
    },
  }
}

const NO_STATE: TableState = {
  checkpoint: { sources: {}, topics: {}, lanes: new Map() },
  rows: 0,
  last_commit_ms: null,
  existing: undefined,
}

async function stateOf(lake: Lake, definition: TableDefinition): Promise<TableState> {
  const existing = await pinExisting(lake, definition)
  if (!existing) return NO_STATE
  const { version, checkpoint } = existing.pinned
  const snapshot = currentSnapshot(version.metadata)
  return {
    checkpoint,
    rows: Number(snapshot?.summary['total-records'] ?? 0),
    last_commit_ms: snapshot?.timestamp_ms ?? null,
    existing,
  }
}
