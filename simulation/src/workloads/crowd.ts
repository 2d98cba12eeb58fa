/**
 * A group as large as those that got into trouble in the field, in a time in which much goes wrong.
 */
import { groupWorkload } from './groups.ts'

export const crowd = groupWorkload(
  'crowd',
  '20 members, 100 partitions; members restart, close and join',
  {
    ...{ members: [16, 20], partitions: [100, 100], writers: 3 },
    fetchMaxWaitMs: [2000, 4000],
    ...{ staticPercent: 40, statics: 'some', changes: [2, 8], longestPauseMs: 5000 },
    ...{ joinPercent: 30, restartPercent: 70 },
  },
  'crowd',
)
