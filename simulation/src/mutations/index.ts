/** All bugs that the simulation has to find. */
import { CONSUMER_PROTOCOL_MUTATIONS } from './consumer-protocol.ts'
import { MEMBERSHIP_MUTATIONS } from './membership.ts'
import type { Mutation } from './mutation.ts'
import { OFFSET_MUTATIONS } from './offsets.ts'
import { READING_MUTATIONS } from './reading.ts'
import { SHARE_MUTATIONS } from './share.ts'
import { TRANSACTION_MUTATIONS } from './transactions.ts'
import { WRITING_MUTATIONS } from './writing.ts'

export type { Edit, Mutation } from './mutation.ts'
export { mutated, occurrences } from './mutation.ts'

export const MUTATIONS: readonly Mutation[] = [
  ...OFFSET_MUTATIONS,
  ...READING_MUTATIONS,
  ...MEMBERSHIP_MUTATIONS,
  ...CONSUMER_PROTOCOL_MUTATIONS,
  ...WRITING_MUTATIONS,
  ...TRANSACTION_MUTATIONS,
  ...SHARE_MUTATIONS,
]
