/**
 * Where to go on when the position is not in the log any more. Below its start: retention took
 * what was there. Above its end: the log was truncated behind us. Either way the nearest offset
 * that skips nothing still there is the default, and what is gone is counted.
 */
import type { OnOutOfRange } from '../consumer-options.ts'

export interface Resume {
  readonly offset: number
  /** Records (offsets, at least) that this reader never saw and nobody will any more. */
  readonly lost: number
  readonly reason: string
}

export function resumeAt(
  position: number,
  range: { readonly start: number; readonly end: number },
  policy: OnOutOfRange,
): Resume | undefined {
  const { start, end } = range
  // In range after all: a broker that lagged behind answered, and nothing is wrong.
  if (position >= start && position <= end) {
    return { offset: position, lost: 0, reason: 'the position is in range' }
  }
  if (policy === 'fail') return undefined
  const isBelow = position < start
  const reason = isBelow
    ? 'retention removed records before they were read'
    : 'the log was truncated'
  const nearest = isBelow ? start : end
  const offset = policy === 'nearest' ? nearest : policy === 'earliest' ? start : end
  return { offset, lost: Math.abs(position - nearest), reason }
}
