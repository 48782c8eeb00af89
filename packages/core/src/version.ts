/** Version of Assay, as its package says; every snapshot's summary carries it. */
export const VERSION = '0.1.0'
