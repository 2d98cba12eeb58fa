/**
 * What this client notes beside a committed offset, in the metadata that Kafka keeps with it:
 *
 *     odradek:1;topic=9sP2vQ0oSHuWcV4mC1x8Zg;start=1764031644000
 *
 * `topic` is the id of the topic that the offset is of, in base64 as Kafka prints it: an offset of
 * another topic of the same name (deleted and made anew while no member ran) is told from one of a
 * log that was truncated. `start` is the instant at which a `latest` group first started on the
 * topic. Either may be absent; parts that a later version adds are passed over.
 *
 * It stands at the end. What stands before it, behind which is a space, was written by somebody
 * else: it is never interpreted, and goes along with our commits as it was.
 */
const FORM = /(?:^| )odradek:1((?:;[a-z]+=[^; ]*)*)$/
/** Brokers refuse what is longer than `offset.metadata.max.bytes` (4096 unless configured). */
const MAX_FOREIGN_CHARACTERS = 1000
const TOPIC_ID = /^[\w-]{22}$/

export interface CommitNote {
  /** Undefined when it is not noted. */
  readonly topicId: string | undefined
  /** ms since the epoch. */
  readonly start: number | undefined
  /** What others wrote. */
  readonly foreign: string
}

export const NO_NOTE: CommitNote = { topicId: undefined, start: undefined, foreign: '' }

export function decodeCommitNote(metadata: string | null): CommitNote {
  const match = metadata === null ? null : FORM.exec(metadata)
  if (metadata === null || match === null) return { ...NO_NOTE, foreign: metadata ?? '' }
  const parts = new Map(
    (match[1] ?? '').split(';').map((part): [string, string] => {
      const at = part.indexOf('=')
      return [part.slice(0, at), part.slice(at + 1)]
    }),
  )
  const start = Number(parts.get('start') ?? Number.NaN)
  const topicId = parts.get('topic')
  return {
    topicId: topicId !== undefined && TOPIC_ID.test(topicId) ? topicId : undefined,
    start: Number.isSafeInteger(start) ? start : undefined,
    foreign: metadata.slice(0, match.index),
  }
}

export function encodeCommitNote({ topicId, start, foreign }: CommitNote): string {
  let note = ''
  if (topicId !== undefined) note += `;topic=${topicId}`
  if (start !== undefined) note += `;start=${start}`
  if (note === '') return foreign
  // What is that long is more worth than what is ours.
  if (foreign.length > MAX_FOREIGN_CHARACTERS) return foreign
  return `${foreign === '' ? '' : `${foreign} `}odradek:1${note}`
}
