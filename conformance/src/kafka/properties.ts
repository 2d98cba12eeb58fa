/**
 * The configuration of a broker for tests: combined broker and controller, every listener that a
 * client may meet, all timers short enough for a test, every internal topic small.
 */
export interface NodeLayout {
  readonly nodeId: number
  readonly ports: NodePorts
  /** Controllers of the static quorum, this node among them: `1@127.0.0.1:19093`. */
  readonly voters: string
  readonly logFolder: string
  readonly certificateFolder: string
  readonly brokerCount: number
  /** Overrides, and additions, by Kafka's own names. */
  readonly overrides: Readonly<Record<string, string | number>>
}

export interface NodePorts {
  readonly plaintext: number
  readonly controller: number
  readonly saslPlaintext: number
  readonly ssl: number
  readonly saslSsl: number
}

const PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required'
const SCRAM = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
const OAUTH = 'org.apache.kafka.common.security.oauthbearer'

export function serverProperties(node: NodeLayout): string {
  const { ports, brokerCount } = node
  const replicas = Math.min(3, brokerCount)
  const minIsr = Math.max(1, replicas - 1)
  const listener = (name: string, port: number): string => `${name}://127.0.0.1:${port}`
  const clientListeners = [
    listener('PLAINTEXT', ports.plaintext),
    listener('SASL_PLAINTEXT', ports.saslPlaintext),
    listener('SSL', ports.ssl),
    listener('SASL_SSL', ports.saslSsl),
  ]
  const properties: Record<string, string | number> = {
    'process.roles': 'broker,controller',
    'node.id': node.nodeId,
    'broker.rack': `rack-${node.nodeId}`,
    listeners: [...clientListeners, listener('CONTROLLER', ports.controller)].join(','),
    'advertised.listeners': clientListeners.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map':
      'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL',
    'controller.quorum.voters': node.voters,
    'log.dirs': node.logFolder,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'log.cleaner.dedupe.buffer.size': 8388608,
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minIsr,
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1000,
    'share.coordinator.state.topic.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': minIsr,
    'group.initial.rebalance.delay.ms': 0,
    'group.consumer.assignment.interval.ms': 0,
    'group.share.assignment.interval.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'group.consumer.min.session.timeout.ms': 1000,
    'group.consumer.min.heartbeat.interval.ms': 100,
    'group.share.min.record.lock.duration.ms': 1000,
    'auto.create.topics.enable': 'false',
    'broker.session.timeout.ms': 1500,
    'broker.heartbeat.interval.ms': 300,
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    'listener.name.sasl_plaintext.plain.sasl.jaas.config': `${PLAIN} user_alice="alice-secret";`,
    'listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config': SCRAM,
    'listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config': SCRAM,
    'listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config': `${OAUTH}.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    'listener.name.sasl_plaintext.oauthbearer.sasl.server.callback.handler.class': `${OAUTH}.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler`,
    'listener.name.sasl_plaintext.connections.max.reauth.ms': 60000,
    'listener.name.sasl_ssl.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256',
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${PLAIN} user_alice="alice-secret";`,
    'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': SCRAM,
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': `${node.certificateFolder}/broker.pem`,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': `${node.certificateFolder}/ca.crt`,
    'ssl.client.auth': 'requested',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS;User:alice',
    'allow.everyone.if.no.acl.found': 'false',
    'delegation.token.secret.key': 'a-secret-for-tests-alone',
  }
  if (brokerCount > 1) {
    Object.assign(properties, {
      'default.replication.factor': replicas,
      'controller.quorum.election.timeout.ms': 1000,
      'controller.quorum.fetch.timeout.ms': 2000,
      'replica.lag.time.max.ms': 5000,
      'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
    })
  }
  Object.assign(properties, node.overrides)
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
