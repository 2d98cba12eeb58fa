/** What clients may do in a run, by name. */
import { crowd } from './crowd.ts'
import { exactlyOnce, exactlyOnceBefore4 } from './exactly-once.ts'
import {
  collectors,
  consumerCollectors,
  consumerGroups,
  consumerIdlers,
  groups,
  idlers,
  pods,
  starts,
} from './groups.ts'
import { produceGroup } from './produce-group.ts'
import { shareGroup, shareIdlers } from './share-group.ts'
import type { Workload } from './workload.ts'

export const WORKLOADS: readonly Workload[] = [
  produceGroup,
  groups,
  pods,
  consumerGroups,
  starts,
  collectors,
  consumerCollectors,
  idlers,
  consumerIdlers,
  crowd,
  exactlyOnce,
  exactlyOnceBefore4,
  shareGroup,
  shareIdlers,
]
