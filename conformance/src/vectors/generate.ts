/** Writes the committed vectors anew: `npm run vectors --workspace conformance`. */
import { mkdirSync } from 'node:fs'
import { askForVectors, whyNoOracle } from './oracle.ts'
import { commitVectors, VECTOR_FILES, VECTORS } from './vector-files.ts'

const obstacle = whyNoOracle()
if (obstacle !== undefined) {
  process.stderr.write(`${obstacle}\n`)
  process.exit(1)
}
mkdirSync(VECTORS, { recursive: true })
const textOf = askForVectors()
for (const file of VECTOR_FILES) {
  const text = textOf(file)
  const lines = text.trimEnd().split('\n').length
  const bytes = commitVectors(file, text)
  process.stdout.write(`${file}: ${lines} lines, ${bytes} bytes\n`)
}
