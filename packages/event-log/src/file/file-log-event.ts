import type { Lane } from '@assay/core'

/** What the file log did of its own accord, and an operator should know. */
export type FileLogEvent =
  /** Bytes behind the last acknowledged write were no whole write: they were cut off and kept in a file. */
  | ({ readonly kind: 'tail_cut'; readonly lane: Lane; readonly message: string } & CutTail)
  /** The description of a topic was not what was written, and was made anew from what its lanes know. */
  | { readonly kind: 'topic_restored'; readonly topic: string; readonly message: string }

interface CutTail {
  readonly path: string
  readonly byte: number
  readonly bytes: number
  /** File in which the bytes are kept. */
  readonly kept: string
}

export function tailCut(lane: Lane, tail: CutTail): FileLogEvent {
  const { path, byte, bytes, kept } = tail
  const message = `${bytes} bytes that were never acknowledged were cut off ${path} at byte ${byte}; they are kept as ${kept}`
  return { kind: 'tail_cut', lane, message, ...tail }
}

/** `kept`: where the damaged description is now, if there was one. */
export function topicRestored(topic: string, kept: string | undefined): FileLogEvent {
  const before = kept === undefined ? 'it was missing' : `the damaged one is kept as ${kept}`
  return { kind: 'topic_restored', topic, message: `topic ${topic} was described anew from its lanes; ${before}` }
}
