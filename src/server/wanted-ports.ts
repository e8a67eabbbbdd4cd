/** A port that is to be opened. */
export interface WantedPort {
  /** What asks for it, by the name that whoever set it knows. */
  readonly option: string
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

/** A port that another has, too. */
export interface PortClash {
  readonly option: string
  readonly port: number
  /** What it would have to be, such as `a port of its own: port has it, too`. */
  readonly allowed: string
}

/** The first port that cannot be opened because one before it has the same number on the same address. */
export function findPortClash(ports: readonly WantedPort[]): PortClash | undefined {
  for (const [index, wanted] of ports.entries()) {
    const other = ports.slice(0, index).find((before) => clash(before, wanted))
    if (other === undefined) continue
    const { option, port } = wanted
    const reason = other.option === option ? 'it is there twice' : `${other.option} has it, too`
    return { option, port, allowed: `a port of its own: ${reason}` }
  }
  return undefined
}

function clash(one: WantedPort, other: WantedPort): boolean {
  return (
    one.port !== 0 && one.port === other.port && (one.host === other.host || isAll(one, other) || isAll(other, one))
  )
}

/** Whether an address stands for all of this host, and the other is among them. */
function isAll({ host }: WantedPort, other: WantedPort): boolean {
  return host === '::' || (host === '0.0.0.0' && /^\d+\./.test(other.host))
}
