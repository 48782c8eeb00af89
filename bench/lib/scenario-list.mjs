const DAY_S = 86_400
const HISTORY_RECORDS = 20_000
/** The simulation's slowest rate: a year of it. */
const YEAR_RECORDS = 31_536
const MILLION = 1_000_000

/** Lanes differ only where symbols are many: a symbol's records go to one lane. */
const manySymbols = { symbols: 500, skew: 0.5 }

/**
 * What each scenario changes in the usual load: 200,000 records unless it says otherwise. `asked`: only when it is named.
 * `twice`: the records come once more when all of them are in gold, and that is measured. `cold`: without warming up, for
 * the memory of a process that has had nothing else.
 */
export const SCENARIOS = {
  usual: {},
  'lanes-1': { partitions: 1, simulated: manySymbols },
  'lanes-4': { partitions: 4, simulated: manySymbols },
  'lanes-64': { partitions: 64, simulated: manySymbols },
  'symbols-1': { alone: true, simulated: { symbols: 1 } },
  'symbols-10': { alone: true, simulated: { symbols: 10 } },
  'symbols-500': { alone: true, simulated: { symbols: 500 } },
  'skew-0': { alone: true, simulated: { symbols: 500, skew: 0 } },
  'skew-3': { alone: true, simulated: { symbols: 500, skew: 3 } },
  'duplicates-0': { simulated: { duplicates: 0 } },
  'duplicates-20': { simulated: { duplicates: 0.2 } },
  'duplicates-100': { simulated: { duplicates: 0.999, invalid: 0 } },
  'loaded-twice': { twice: true },
  'letters-0': { simulated: { invalid: 0 } },
  'letters-1': { simulated: { invalid: 0.01 } },
  'letters-50': { simulated: { invalid: 0.5 } },
  'late-20': { simulated: { late: 0.2 } },
  'history-10-days': {
    alone: true,
    count: HISTORY_RECORDS,
    simulated: { rate: HISTORY_RECORDS / (10 * DAY_S), duplicates: 0, invalid: 0 },
  },
  'history-year': {
    alone: true,
    asked: true,
    count: YEAR_RECORDS,
    simulated: { rate: YEAR_RECORDS / (365 * DAY_S), duplicates: 0, invalid: 0 },
  },
  'values-1-kib': { padding_bytes: 960, count: 100_000 },
  'waiting-1-million': { cold: true, count: MILLION },
  'waiting-5-million': { cold: true, count: 5 * MILLION },
  'waiting-20-million': { cold: true, asked: true, count: 20 * MILLION },
  /** A large hour, filled twice. */
  'loaded-twice-million': { asked: true, twice: true, count: MILLION, simulated: { rate: 2_500 } },
}

export const SCENARIO_NAMES = Object.keys(SCENARIOS)
