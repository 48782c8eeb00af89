import { resourceText } from '../resources.js'

/** Where feeds of all exchanges say that they listen while no trade comes. */
export const HEARTBEATS = {
  topic: 'market.crypto.heartbeats',
  schema: resourceText('heartbeats/schemas/FeedHeartbeat.avsc'),
} as const
