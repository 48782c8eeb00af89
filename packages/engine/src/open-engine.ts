import type { Engine, EngineOptions } from './engine.js'

/** Imported when it is opened: a command that never asks DuckDB anything starts with an eighth less CPU. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  return (await import('./engine.js')).openEngine(options)
}
