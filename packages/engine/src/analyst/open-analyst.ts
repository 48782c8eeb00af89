import type { EngineOptions } from '../engine.js'
import type { Analyst } from './analyst.js'

/** Imported when it is opened: a command that never asks DuckDB anything starts with an eighth less CPU. */
export async function openAnalyst(options: EngineOptions): Promise<Analyst> {
  return (await import('./analyst.js')).openAnalyst(options)
}
