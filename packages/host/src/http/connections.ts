import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Bounds the connections of a server so that a new one always gets in: the one that has been without a request for
 * longest goes for it. Who opens connections and asks nothing, or sends no more of a request that was answered, keeps
 * nobody's probes out. Only where all are being worked for is a new one refused.
 */
export function boundConnections(server: Server, most: number): void {
  /** Without a request that is worked on, in the order in which they came to be so. */
  const idle = new Set<Socket>()
  let open = 0
  server.on('connection', (socket: Socket) => {
    open++
    idle.add(socket)
    socket.once('close', () => {
      open--
      idle.delete(socket)
    })
    if (open <= most) return
    const [oldest = socket] = idle
    idle.delete(oldest)
    oldest.destroy()
  })
  server.on('request', ({ socket }, response) => {
    idle.delete(socket)
    response.once('close', () => {
      if (!socket.destroyed) idle.add(socket)
    })
  })
}
