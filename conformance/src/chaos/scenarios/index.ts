import type { ChaosScenario } from '../chaos-scenario.ts'
import { BROKER_SCENARIOS } from './brokers.ts'
import { FIELD_REPORTS } from './field-reports.ts'
import { FOUR_VERDICTS } from './four-verdicts.ts'
import { MEMBER_SCENARIOS } from './members.ts'
import { TRUNCATION_SCENARIOS } from './truncation.ts'
import { TWENTY_MEMBERS } from './twenty-members.ts'

export const SCENARIOS: readonly ChaosScenario[] = [
  ...BROKER_SCENARIOS,
  ...MEMBER_SCENARIOS,
  ...FIELD_REPORTS,
  ...TRUNCATION_SCENARIOS,
  ...TWENTY_MEMBERS,
  ...FOUR_VERDICTS,
]
