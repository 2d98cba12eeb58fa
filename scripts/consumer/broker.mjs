// A broker in a process of its own: it prints its address, and ends with its standard input.
import { startBroker } from '@odradek/broker'

const broker = await startBroker({ groupMinSessionTimeoutMs: 1000 })
console.log(broker.bootstrapServers)
process.stdin.on('end', () => void broker.close()).resume()
