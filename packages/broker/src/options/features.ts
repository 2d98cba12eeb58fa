/** The features of a cluster that a user can switch off, each with its newest level. */
import type { FeatureName } from './broker-options.ts'

export const FEATURES: Readonly<Record<FeatureName, number>> = {
  'group.version': 1,
  'share.version': 1,
  'transaction.version': 2,
}
