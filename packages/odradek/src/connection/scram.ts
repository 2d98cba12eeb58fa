/**
 * The client's side of SCRAM (RFC 5802), as pure steps: first message, proof, and the check of the
 * server's own signature, without which a broker could be anybody. Iterations are bounded both
 * ways: below 4,096 a stolen exchange is cheap to attack, and a million would be an attack on us.
 */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { AuthenticationError } from '../errors/errors.ts'

const MIN_ITERATIONS = 4096
const MAX_ITERATIONS = 1_000_000
/** `n,,`: no channel binding, no other identity. */
const GS2_HEADER = 'n,,'

export interface ScramCredentials {
  readonly digest: 'sha256' | 'sha512'
  readonly username: string
  readonly password: string
  /** Printable and fresh: 18 random bytes in base64 are. */
  readonly nonce: string
}

export class ScramExchange {
  readonly #credentials: ScramCredentials
  readonly #clientFirstBare: string
  #serverSignature: Buffer | undefined

  constructor(credentials: ScramCredentials) {
    this.#credentials = credentials
    const name = prepare(credentials.username).replaceAll('=', '=3D').replaceAll(',', '=2C')
    this.#clientFirstBare = `n=${name},r=${credentials.nonce}`
  }

  clientFirst(): Buffer {
    return Buffer.from(GS2_HEADER + this.#clientFirstBare)
  }

  clientFinal(serverFirst: Buffer): Buffer {
    const { digest, password, nonce } = this.#credentials
    const text = serverFirst.toString()
    const fields = attributes(text)
    const serverNonce = fields.get('r') ?? ''
    const salt = Buffer.from(fields.get('s') ?? '', 'base64')
    const iterations = Number(fields.get('i'))
    if (!serverNonce.startsWith(nonce) || serverNonce.length === nonce.length) {
      throw new AuthenticationError("SCRAM: the broker's nonce does not extend this client's.")
    }
    if (salt.length === 0 || !Number.isInteger(iterations)) {
      throw new AuthenticationError('SCRAM: the first message of the broker is malformed.')
    }
    if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
      throw new AuthenticationError(
        `SCRAM: the broker asks for ${iterations} iterations; ` +
          `${MIN_ITERATIONS} to ${MAX_ITERATIONS} are accepted.`,
      )
    }
    const keyBytes = digest === 'sha256' ? 32 : 64
    const salted = pbkdf2Sync(prepare(password), salt, iterations, keyBytes, digest)
    const hmac = (key: Buffer, message: string): Buffer =>
      createHmac(digest, key).update(message).digest()
    const clientKey = hmac(salted, 'Client Key')
    const storedKey = createHash(digest).update(clientKey).digest()
    const withoutProof = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${serverNonce}`
    const authMessage = `${this.#clientFirstBare},${text},${withoutProof}`
    const signature = hmac(storedKey, authMessage)
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)))
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), authMessage)
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)
  }

  /** Throws unless the broker has proved that it knows the password too. */
  verify(serverFinal: Buffer): void {
    const fields = attributes(serverFinal.toString())
    const error = fields.get('e')
    if (error !== undefined) throw new AuthenticationError(`SCRAM: the broker says ${error}.`)
    const signature = Buffer.from(fields.get('v') ?? '', 'base64')
    const expected = this.#serverSignature
    if (expected?.length !== signature.length || !timingSafeEqual(expected, signature)) {
      throw new AuthenticationError(
        'SCRAM: the broker could not prove that it knows the password; it may be an impostor.',
      )
    }
  }
}

function attributes(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const part of text.split(',')) {
    if (part[1] === '=') fields.set(part[0] ?? '', part.slice(2))
  }
  return fields
}

/** SASLprep, as far as names and passwords in use need it: compatibility forms and odd spaces. */
function prepare(text: string): string {
  return text
    .replace(
      /[\u{AD}\u{1806}\u{2060}\u{FEFF}]|[\u{200B}-\u{200C}]|\u{200D}|\u{34F}|[\u{180B}-\u{180D}]|[\u{FE00}-\u{FE0F}]/gu,
      '',
    )
    .replace(/[\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]/gu, ' ')
    .normalize('NFKC')
}
