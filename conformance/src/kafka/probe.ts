/** Asks a broker, over a socket of its own, how many brokers it knows: the harness's readiness. */
import { connect } from 'node:net'
import { decodeResponse, encodeRequest, metadata } from '@odradek/protocol'

const PROBE_TIMEOUT_MS = 2000

export async function probeBrokers(host: string, port: number): Promise<number> {
  const request = encodeRequest(metadata, 4, {
    correlationId: 1,
    clientId: 'probe',
    body: { topics: [], allowAutoTopicCreation: false },
  })
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: PROBE_TIMEOUT_MS })
    let received = Buffer.alloc(0)
    socket.once('connect', () => socket.write(Buffer.concat(request.chunks)))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return
      const { body } = decodeResponse(metadata, 4, received.subarray(4))
      socket.destroy()
      resolve(body.controllerId >= 0 ? body.brokers.length : 0)
    })
    socket.once('timeout', () => socket.destroy(new Error('timeout')))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed')))
  })
}
