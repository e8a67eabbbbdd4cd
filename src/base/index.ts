export { Clock } from './clock.ts'
export { type LogFields, type Logger, type LogLevel, silentLogger } from './logger.ts'
export { type Alarm, SystemAlarm, type Timer, Timers } from './timers.ts'
export { type Drainable, type Flushable, type Settling, Turn } from './turn.ts'
