/** Sixteen random bytes as a UUID (version 4): a member of KIP-848 names itself. */
export function uuidOf(bytes: Buffer): string {
  const marked = Buffer.from(bytes)
  marked[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  marked[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = marked.toString('hex')
  const ends = [8, 12, 16, 20, 32]
  return ends.map((end, index) => hex.slice(ends[index - 1] ?? 0, end)).join('-')
}
