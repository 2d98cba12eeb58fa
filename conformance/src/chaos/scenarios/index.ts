import type { ChaosScenario } from '../chaos-scenario.ts'
import { BROKER_SCENARIOS } from './brokers.ts'
import { FIELD_REPORTS } from './field-reports.ts'
import { MEMBER_SCENARIOS } from './members.ts'

export const SCENARIOS: readonly ChaosScenario[] = [
  ...BROKER_SCENARIOS,
  ...MEMBER_SCENARIOS,
  ...FIELD_REPORTS,
]
