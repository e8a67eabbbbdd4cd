import { resolve } from 'node:path'

/** A file for an SDK's program, by its name below the folder. */
export interface SdkFile {
  readonly name: string
  readonly text: string
}

export interface SdkConfiguration {
  /** The folder with `ca.crt`, `sdk.crt` and `sdk.key`; the SDKs find it from wherever they run. */
  readonly directory: string
  /** `host:port` of each node. */
  readonly nodes: readonly string[]
  readonly chainId: string
  readonly group: number
}

/** Configuration with which go-sdk, java-sdk 2.x and web3sdk connect as they are, each under the name it is known by. */
export function sdkFiles(configuration: SdkConfiguration): SdkFile[] {
  const settled = { ...configuration, directory: resolve(configuration.directory) }
  return [
    { name: 'go-sdk/config.toml', text: goSdk(settled) },
    { name: 'java-sdk/config.toml', text: javaSdk(settled) },
    { name: 'web3sdk/applicationContext.xml', text: web3sdk(settled) },
  ]
}

/** A TOML basic string has JSON's escapes. */
const quoted = JSON.stringify

function goSdk({ directory, nodes, chainId, group }: SdkConfiguration): string {
  const [first = ''] = nodes
  const file = (name: string): string => quoted(`${directory}/${name}`)
  return `# For go-sdk 1.1: conf.ParseConfigFile, then client.Dial. Its examples read ca.crt, sdk.crt and sdk.key from where they run.
[Network]
Type="channel"
CAFile=${file('ca.crt')}
Cert=${file('sdk.crt')}
Key=${file('sdk.key')}

[[Network.Connection]]
NodeURL=${quoted(first)}
GroupID=${group}

# AMOP needs no account of the chain.
[Account]
DynamicKey=true

[Chain]
ChainID=${chainId}
SMCrypto=false
`
}

function javaSdk({ directory, nodes }: SdkConfiguration): string {
  return `# For java-sdk 2.x: BcosSDK.build("…/java-sdk/config.toml").
[cryptoMaterial]
certPath = ${quoted(directory)}

[network]
peers = [${nodes.map((node) => quoted(node)).join(', ')}]

# Private topics:
# [[amop]]
# topicName = "private"
# privateKey = "conf/amop/consumer_private_key.p12"  # a subscriber's own key
# password = "…"
# [[amop]]
# topicName = "private"
# publicKeys = ["conf/amop/consumer_public_key.pem"]  # a publisher's subscribers

[account]
keyStoreDir = "account"
accountFileFormat = "pem"

[threadPool]
maxBlockingQueueSize = "102400"
`
}

function web3sdk({ directory, nodes, group }: SdkConfiguration): string {
  const file = (name: string): string => escapeXml(`file:${directory}/${name}`)
  const values = nodes.map((node) => `                <value>${escapeXml(node)}</value>`).join('\n')
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- For web3sdk 2.x: new ClassPathXmlApplicationContext or FileSystemXmlApplicationContext, then getBean(Service.class).run(). -->
<beans xmlns="http://www.springframework.org/schema/beans"
       xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
       xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd">

  <bean id="encryptType" class="org.fisco.bcos.web3j.crypto.EncryptType">
    <constructor-arg value="0"/>
  </bean>

  <bean id="groupChannelConnectionsConfig" class="org.fisco.bcos.channel.handler.GroupChannelConnectionsConfig">
    <property name="caCert" value="${file('ca.crt')}"/>
    <property name="sslCert" value="${file('sdk.crt')}"/>
    <property name="sslKey" value="${file('sdk.key')}"/>
    <property name="allChannelConnections">
      <list>
        <bean class="org.fisco.bcos.channel.handler.ChannelConnections">
          <property name="groupId" value="${group}"/>
          <property name="connectionsStr">
            <list>
${values}
            </list>
          </property>
        </bean>
      </list>
    </property>
  </bean>

  <bean id="channelService" class="org.fisco.bcos.channel.client.Service">
    <property name="groupId" value="${group}"/>
    <property name="orgID" value="leveret"/>
    <property name="allChannelConnections" ref="groupChannelConnectionsConfig"/>
  </bean>
</beans>
`
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
