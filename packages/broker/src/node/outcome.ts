/** The outcome of a request: bytes to write (none for acks=0), or the end of the connection. */
export type Outcome =
  | { readonly write: readonly Uint8Array[]; readonly muteMs?: number; readonly end?: boolean }
  | 'nothing'
  | 'silence'
  | 'disconnect'
