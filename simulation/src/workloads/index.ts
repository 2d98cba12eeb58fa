/** What clients may do in a run, by name. */
import { crowd } from './crowd.ts'
import { consumerGroups, groups, pods } from './groups.ts'
import { produceGroup } from './produce-group.ts'
import type { Workload } from './workload.ts'

export const WORKLOADS: readonly Workload[] = [produceGroup, groups, pods, consumerGroups, crowd]
