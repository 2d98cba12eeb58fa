/**
 * What every workload with a group has in common: producers write while the group lives through
 * what is planned for it; then nothing is written any more, readers drain the topics, the group has
 * peace for long enough to be judged, everybody closes, and the lag is looked up. Some runs have an
 * encore before that: minutes in which nothing at all happens, and then more records. What a night
 * does to clients (idle connections that are closed, knowledge that grows old) is found out so.
 */
import type { Scene } from '../plans/scene.ts'
import type { GroupCrew } from './crew.ts'
import { type Ending, Finale } from './finale.ts'
import type { Stage } from './stage.ts'
import { Writer, type WriterOptions } from './writer.ts'

export interface Performance {
  readonly crew: GroupCrew
  readonly writing: Omit<WriterOptions, 'topics'>
  /** How long the group may take to come to rest. */
  readonly settleMs: number
  /** What happens to the group while producers write. */
  readonly lifeOfGroup: () => Promise<void>
  /** What is looked at once everybody is closed. */
  readonly epilogue?: () => Promise<void>
  /** How the group comes to its end, when not as groups with committed offsets do. */
  readonly ending?: Ending
}

/** Peace is longer than what the checkers allow for settling by this. */
const PEACE_MS = 5000
/** Of a hundred runs so many have an encore, after so long. Idle connections live for 9 minutes. */
const ENCORE_PERCENT = 20
const QUIET_MS = [300_000, 900_000] as const
const ENCORE_RECORDS = 20

export async function perform(
  stage: Stage,
  scene: Scene,
  { crew, writing, settleMs, lifeOfGroup, epilogue, ending }: Performance,
): Promise<void> {
  const { world, chance } = stage
  const { topics } = scene
  const faultsEnd = stage.begin(crew)
  const writers = scene.writers.map((name) => new Writer(stage, name, { ...writing, topics }))
  const written = Promise.all(writers.map((writer) => writer.write()))
  await lifeOfGroup()
  const lifeEnd = world.now
  await sleepUntil(stage, Math.max(scene.toMs, faultsEnd))
  for (const writer of writers) writer.stop()
  await written
  const finale = ending ?? new Finale(stage, scene)
  const quietMs = chance.percent(ENCORE_PERCENT) ? chance.between(...QUIET_MS) : undefined
  if (quietMs === undefined) await closeAll(writers)
  await finale.drain(settleMs * 2)
  await sleepUntil(stage, Math.max(faultsEnd, lifeEnd) + settleMs + PEACE_MS)
  if (quietMs !== undefined) {
    await world.sleep(quietMs)
    await Promise.all(writers.map((writer) => writer.write(ENCORE_RECORDS)))
    await closeAll(writers)
    await finale.drain(settleMs * 2)
    // The last records are through; others may be in hand still.
    await world.sleep(settleMs)
  }
  await crew.closeAll()
  await finale.writeDownLag()
  await epilogue?.()
}

function closeAll(writers: readonly Writer[]): Promise<unknown> {
  return Promise.all(writers.map((writer) => writer.close()))
}

async function sleepUntil({ world }: Stage, time: number): Promise<void> {
  if (time > world.now) await world.sleep(time - world.now)
}
