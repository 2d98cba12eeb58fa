/**
 * SCRAM (RFC 5802) from the server's side: it keeps a salted key instead of the password, and
 * proves that it knows the key. Keys are derived when a user first authenticates.
 */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import type { Random } from '@odradek/environment'

export type Digest = 'sha256' | 'sha512'

interface Credential {
  readonly salt: Buffer
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

const ITERATIONS = 4096
const SALT_BYTES = 16
const NONCE_BYTES = 18
const KEY_BYTES = { sha256: 32, sha512: 64 } as const

export class ScramCredentials {
  readonly #users: Readonly<Record<string, string>>
  readonly #random: Random
  readonly #made = new Map<string, Credential>()

  constructor(users: Readonly<Record<string, string>>, random: Random) {
    this.#users = users
    this.#random = random
  }

  isPassword(user: string, password: string): boolean {
    return Object.hasOwn(this.#users, user) && this.#users[user] === password
  }

  credential(user: string, digest: Digest): Credential | undefined {
    const password = Object.hasOwn(this.#users, user) ? this.#users[user] : undefined
    if (password === undefined) return undefined
    const key = `${digest} ${user}`
    let made = this.#made.get(key)
    if (made === undefined) {
      const salt = this.#random.bytes(SALT_BYTES)
      const salted = pbkdf2Sync(password, salt, ITERATIONS, KEY_BYTES[digest], digest)
      const storedKey = createHash(digest)
        .update(hmac(digest, salted, 'Client Key'))
        .digest()
      made = { salt, storedKey, serverKey: hmac(digest, salted, 'Server Key') }
      this.#made.set(key, made)
    }
    return made
  }

  nonce(): string {
    return this.#random.bytes(NONCE_BYTES).toString('base64url')
  }
}

/** One exchange: `first` and then `final` return what to send; undefined refuses. */
export class ScramServer {
  readonly #digest: Digest
  readonly #credentials: ScramCredentials
  #exchange:
    | { readonly credential: Credential; readonly nonce: string; readonly message: string }
    | undefined
  user = ''

  constructor(digest: Digest, credentials: ScramCredentials) {
    this.#digest = digest
    this.#credentials = credentials
  }

  get isFirst(): boolean {
    return this.#exchange === undefined
  }

  first(bytes: Buffer): string | undefined {
    const match = /^[ny],[^,]*,(n=([^,]*),r=([^,]+).*)$/s.exec(bytes.toString('utf8'))
    if (match === null) return undefined
    const [, bare = '', name = '', clientNonce = ''] = match
    this.user = name.replaceAll('=2C', ',').replaceAll('=3D', '=')
    const credential = this.#credentials.credential(this.user, this.#digest)
    if (credential === undefined) return undefined
    const nonce = clientNonce + this.#credentials.nonce()
    const challenge = `r=${nonce},s=${credential.salt.toString('base64')},i=${ITERATIONS}`
    this.#exchange = { credential, nonce, message: `${bare},${challenge}` }
    return challenge
  }

  final(bytes: Buffer): string | undefined {
    const match = /^(c=[^,]+,r=([^,]+).*),p=([^,]+)$/s.exec(bytes.toString('utf8'))
    if (match === null || this.#exchange === undefined) return undefined
    const [, withoutProof = '', nonce = '', proof = ''] = match
    const { credential, nonce: expected, message } = this.#exchange
    if (nonce !== expected) return undefined
    const authMessage = `${message},${withoutProof}`
    const signature = hmac(this.#digest, credential.storedKey, authMessage)
    const given = Buffer.from(proof, 'base64')
    if (given.length !== signature.length) return undefined
    const clientKey = Buffer.from(given.map((byte, index) => byte ^ (signature[index] ?? 0)))
    const storedKey = createHash(this.#digest).update(clientKey).digest()
    if (!timingSafeEqual(storedKey, credential.storedKey)) return undefined
    return `v=${hmac(this.#digest, credential.serverKey, authMessage).toString('base64')}`
  }
}

function hmac(digest: Digest, key: Buffer, text: string): Buffer {
  return createHmac(digest, key).update(text).digest()
}
