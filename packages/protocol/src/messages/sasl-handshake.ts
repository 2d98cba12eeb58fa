/** Names the SASL mechanism. Never flexible. */
import { api } from '../schema/api.ts'
import { array, int16, string } from '../schema/field.ts'

export const saslHandshake = api({
  apiKey: 17,
  name: 'SaslHandshake',
  versions: '0-1',
  flexible: 'none',
  request: { mechanism: string() },
  response: { errorCode: int16(), mechanisms: array(string()) },
})
