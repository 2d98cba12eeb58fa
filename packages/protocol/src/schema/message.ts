/**
 * A message (one direction of an API, or a blob that travels inside one) and what is known of it in
 * each version. `at(version)` gives its codec; codecs are built at their first use and kept.
 */
import { ProtocolError } from '../errors/protocol-error.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { structCodec } from './codec.ts'
import type { Decoded, Fields, Input } from './field.ts'
import { includesVersion, type VersionRange, versionRange } from './versions.ts'

export interface MessageCodec<Out, In> {
  readonly version: number
  readonly isFlexible: boolean
  read(reader: Reader): Out
  write(writer: Writer, value: In): void
  /** Decodes a whole buffer; bytes that are left over are refused. */
  decode(bytes: Buffer): Out
  encode(value: In): Buffer
}

export interface MessageDefinition<F extends Fields> {
  readonly name: string
  readonly versions: string
  /** The versions with compact lengths and tagged fields. */
  readonly flexible: string
  readonly fields: F
}

export class Message<F extends Fields> {
  readonly name: string
  readonly versions: VersionRange
  readonly flexible: VersionRange
  readonly fields: F
  readonly #codecs = new Map<number, MessageCodec<Decoded<F>, Input<F>>>()

  constructor(definition: MessageDefinition<F>) {
    this.name = definition.name
    this.versions = versionRange(definition.versions, 'every')
    this.flexible = versionRange(definition.flexible, 'never')
    this.fields = definition.fields
  }

  at(version: number): MessageCodec<Decoded<F>, Input<F>> {
    let codec = this.#codecs.get(version)
    if (codec === undefined) {
      codec = this.#build(version)
      this.#codecs.set(version, codec)
    }
    return codec
  }

  #build(version: number): MessageCodec<Decoded<F>, Input<F>> {
    if (!includesVersion(this.versions, version)) {
      const { min, max } = this.versions
      throw new ProtocolError(`${this.name} has no version ${version}, only ${min}-${max}`, {
        code: 'UNSUPPORTED_VERSION',
      })
    }
    const isFlexible = includesVersion(this.flexible, version)
    const codec = structCodec(this.fields, version, isFlexible)
    const named = <T>(action: () => T): T => {
      try {
        return action()
      } catch (error) {
        if (error instanceof ProtocolError) throw error.within(`${this.name} v${version}`)
        throw error
      }
    }
    const read = (reader: Reader): Decoded<F> => named(() => codec.read(reader)) as Decoded<F>
    const write = (writer: Writer, value: Input<F>): void => named(() => codec.write(writer, value))
    return {
      version,
      isFlexible,
      read,
      write,
      decode: (bytes) => {
        const reader = new Reader(bytes)
        const value = read(reader)
        if (reader.remaining > 0) {
          throw new ProtocolError(
            `${this.name} v${version} is followed by ${reader.remaining} bytes`,
          )
        }
        return value
      },
      encode: (value) => {
        const writer = new Writer()
        write(writer, value)
        return writer.toBuffer()
      },
    }
  }
}
