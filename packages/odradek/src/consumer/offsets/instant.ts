/**
 * `latest` is an instant, not a place: the moment at which the group first started on a topic. It
 * travels in the metadata of the group's commits, so that a member which finds no offset for a
 * partition (it was created later, or nobody got round to committing it) begins where the group
 * would have: nothing that was written since is skipped.
 */
const FORM = /^odradek:start=(\d{1,16})$/

export function encodeInstant(timestamp: number): string {
  return `odradek:start=${timestamp}`
}

/** The instant in a commit's metadata; undefined when somebody else wrote it. */
export function decodeInstant(metadata: string | null): number | undefined {
  const match = metadata === null ? null : FORM.exec(metadata)
  const timestamp = Number(match?.[1])
  return Number.isSafeInteger(timestamp) ? timestamp : undefined
}
