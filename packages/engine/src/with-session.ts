import type { Engine } from './engine.js'
import type { Session } from './session.js'

/** Works with a session of its own, which is closed in the end, and under the work when the signal comes. */
export async function withSession<T>(
  engine: Engine,
  work: (session: Session) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const session = await engine.session()
  const stop = (): void => void session.close()
  signal?.addEventListener('abort', stop)
  if (signal?.aborted) stop()
  try {
    return await work(session)
  } finally {
    signal?.removeEventListener('abort', stop)
    await session.close()
  }
}
