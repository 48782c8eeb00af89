import { jsonObject, type LiveFeed, type LiveText } from '../live.js'

const REASON_CHARACTERS_MAX = 200

/**
 * Kraken's v2 channel `trade`. Each subscription begins with a snapshot of the last 50 trades: after a reconnect they
 * fill what was missed, and what was not is dropped as duplicates by gold. Heartbeats come every second; Kraken
 * advises to reconnect after five without one.
 * Source: Kraken API, WebSocket v2, "Trade", "Heartbeat", and "Frequently asked questions".
 */
export const krakenLive: LiveFeed = {
  symbols: ['BTC/USD', 'ETH/USD'],
  isFollowable: (pair) => pair.includes('/'),
  symbolExample: 'BTC/USD',
  symbolsMax: 200,
  connect: (symbols) => ({
    url: 'wss://ws.kraken.com/v2',
    subscribe: [
      JSON.stringify({
        method: 'subscribe',
        params: { channel: 'trade', symbol: symbols, snapshot: true },
      }),
    ],
  }),
  onText,
  silence_ms: 5_000,
  lifetime_ms: undefined,
}

function onText(text: string): LiveText {
  const message = jsonObject(text)
  if (message?.channel === 'heartbeat') return { kind: 'heartbeat' }
  if (message?.error !== undefined) {
    return { kind: 'error', reason: String(message.error).slice(0, REASON_CHARACTERS_MAX) }
  }
  if (message?.method !== undefined || message?.channel === 'status') return { kind: 'control' }
  return { kind: 'data' }
}
