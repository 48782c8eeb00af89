import type { FastifyReply } from 'fastify'

/** Why a request was not done. */
export interface Problem {
  readonly status: number
  /** Stable code in snake_case. */
  readonly code: string
  readonly title: string
  readonly detail?: string
  readonly retryAfter_seconds?: number
}

/** Answers as `application/problem+json`. Source: RFC 9457. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, code, title, detail, retryAfter_seconds } = problem
  if (retryAfter_seconds !== undefined) reply.header('retry-after', String(retryAfter_seconds))
  return reply
    .code(status)
    .header('cache-control', 'no-store')
    .type('application/problem+json; charset=utf-8')
    .send(
      JSON.stringify({
        type: `urn:assay:problem:${code}`,
        title,
        status,
        code,
        ...(detail !== undefined && { detail }),
      }),
    )
}
