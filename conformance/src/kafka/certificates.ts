/**
 * A certificate authority, a broker's certificate for localhost and a client's, made with openssl
 * when first needed: keys do not belong in a repository, and certificates run out.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE } from './java.ts'

export interface Certificates {
  readonly folder: string
  /** The authority's certificate, for `tls: { ca }`. */
  readonly ca: Buffer
  readonly brokerKey: Buffer
  readonly brokerCertificate: Buffer
  readonly clientKey: Buffer
  readonly clientCertificate: Buffer
}

export function certificates(): Certificates {
  const folder = join(CACHE, 'certificates')
  if (!existsSync(join(folder, 'complete'))) make(folder)
  const read = (name: string): Buffer => readFileSync(join(folder, name))
  return {
    folder,
    ca: read('ca.crt'),
    brokerKey: read('broker.key'),
    brokerCertificate: read('broker.crt'),
    clientKey: read('client.key'),
    clientCertificate: read('client.crt'),
  }
}

function make(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
  openssl(
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3650', '-subj', '/CN=test-ca'],
    ...['-keyout', 'ca.key', '-out', 'ca.crt'],
  )
  const issue = (name: string, extension: string): void => {
    writeFileSync(join(folder, `${name}.ext`), extension)
    openssl(
      ...['req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`],
      ...['-keyout', `${name}.key`, '-out', `${name}.csr`],
    )
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key'],
      ...['-CAcreateserial', '-days', '3650', '-extfile', `${name}.ext`, '-out', `${name}.crt`],
    )
  }
  issue('broker', 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  issue('client', 'extendedKeyUsage=clientAuth\n')
  const pem = ['broker.key', 'broker.crt', 'ca.crt'].map((name) =>
    readFileSync(join(folder, name), 'utf8'),
  )
  writeFileSync(join(folder, 'broker.pem'), pem.join(''))
  writeFileSync(join(folder, 'complete'), '')
}
