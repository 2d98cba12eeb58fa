/** The options of `topic(name, options)`. */
import { isBoolean, type OptionRow } from '../options/option-table.ts'
import { isSerde } from './standard-schema.ts'

export const TOPIC_OPTIONS: readonly OptionRow[] = [
  {
    name: 'key',
    check: isSerde,
    text: 'how keys become bytes and back; bytes as they are unless said.',
  },
  { name: 'value', check: isSerde, text: 'how values become bytes and back; bytes unless said.' },
  {
    name: 'tombstones',
    default: true,
    check: isBoolean,
    text: 'whether a value may be null; false says that there are none, and types values so.',
  },
]
