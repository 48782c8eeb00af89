/** What a socket tells its owner; nothing after `onClose`. */
interface SocketEvents {
  onOpen(): void
  onText(text: string): void
  /** A ping, which the socket has answered. */
  onPing(): void
  /** The socket was closed, by either side; `reason` is for people. Comes once. */
  onClose(reason: string): void
}

interface SocketLimits {
  readonly message_bytes: number
  readonly handshake_ms: number
}

/** A WebSocket, as far as a live feed needs one. */
export interface LiveSocket {
  send(text: string): void
  /** Stops reading, so that the peer is held up instead of our memory filled; what was read already may still come. */
  pause(): void
  resume(): void
  /** Ends it at once. */
  close(): void
}

export type ConnectSocket = (url: string, limits: SocketLimits, events: SocketEvents) => LiveSocket
