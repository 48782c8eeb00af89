const MIB = 2 ** 20

/** Memory of the engine: its tables, sorts and hashes; beyond it, it spills to disk. */
export const DEFAULT_MEMORY_BYTES = 256 * MIB
/** Partitions of a topic that we make: what as many bronze and silver workers can share. */
export const DEFAULT_TOPIC_PARTITIONS = 4
/** Memory that gold's key set may take. */
export const DEFAULT_KEY_SET_BYTES = 512 * MIB
/** A record waits for the interval, then for the commit: together at most a second. */
export const DEFAULT_COMMIT_INTERVAL_MS = 900
/** Two days of states at full hours: 37 to 73 kB of each metadata file, as measured with four lanes. */
export const DEFAULT_HISTORY_HOURS = 48
