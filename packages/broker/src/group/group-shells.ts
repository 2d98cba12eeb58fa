/** The shells of the three kinds of groups; `kind` tells them apart. */
import type { ClassicGroupShell } from './classic-group-shell.ts'
import type { ConsumerGroupShell } from './consumer-group-shell.ts'
import type { ShareGroupShell } from './share-group-shell.ts'

export type GroupShell = ClassicGroupShell | ConsumerGroupShell | ShareGroupShell
