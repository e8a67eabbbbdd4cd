# Real work over bunny, with everything asserted; ends with the lines that the interop run reads.
require 'bunny'
require 'net/http'
require 'timeout'

$checks = 0

def check(holds, what)
  raise "not so: #{what}" unless holds

  $checks += 1
end

def same(actual, expected)
  check(actual == expected, "#{actual.inspect} is not #{expected.inspect}")
end

def eventually(what)
  Timeout.timeout(10, Timeout::Error, "waited 10 s in vain: #{what}") do
    loop do
      value = yield
      return value if value

      sleep 0.01
    end
  end
end

def pop(queue, **options)
  eventually("a message in #{queue.name}") do
    info, properties, body = queue.pop(**options)
    info && [info, properties, body]
  end
end

def refused(connection, error)
  yield connection.create_channel
  raise "the broker did not refuse with #{error}"
rescue error => e
  $checks += 1
  e.message
end

connection = Bunny.new(ENV.fetch('AMQP_URL'), heartbeat: 5, connection_name: 'interop')
connection.start
same(connection.server_properties['product'], 'RabbitMQ')

# confirms, order, prefetch, acks
channel = connection.create_channel
channel.confirm_select
queue = channel.queue('', exclusive: true)
100.times { |n| queue.publish(n.to_s, persistent: true) }
check(channel.wait_for_confirms, 'every publish was confirmed')
same(queue.message_count, 100)
channel.prefetch(10)
seen = []
consumer = queue.subscribe(manual_ack: true) do |info, _properties, body|
  seen << body.to_i
  channel.ack(info.delivery_tag, true) if (seen.size % 10).zero?
end
eventually('100 deliveries') { seen.size == 100 }
same(seen, (0...100).to_a)
consumer.cancel
eventually('the acks') { queue.message_count.zero? }

# returns
returned = nil
exchange = channel.topic("bunny-#{Process.pid}", auto_delete: true)
exchange.on_return { |info, _properties, body| returned = [info.reply_code, info.reply_text, body] }
exchange.publish('lost', routing_key: 'nowhere', mandatory: true)
eventually('basic.return') { returned }
same(returned, [312, 'NO_ROUTE', 'lost'])

# headers, properties, large bodies
queue.bind(exchange, routing_key: 'a.*.c')
headers = { 'text' => 'ä', 'yes' => true, 'no' => false, 'int' => -5, 'big' => 2**40, 'float' => 0.25, 'nil' => nil,
            'list' => [1, 'two', 2.5], 'table' => { 'deep' => { 'er' => 1 } }, 'time' => Time.at(1_700_000_000) }
exchange.publish('body', routing_key: 'a.b.c', headers: headers, content_type: 'text/plain', priority: 3,
                         correlation_id: 'c', message_id: 'm', timestamp: 1_700_000_000, type: 't', app_id: 'a')
_, properties, body = pop(queue)
same(body, 'body')
headers.each { |name, value| same(properties.headers[name].is_a?(String) ? properties.headers[name].force_encoding('UTF-8') : properties.headers[name], value) }
same([properties.content_type, properties.priority, properties.correlation_id, properties.timestamp.to_i],
     ['text/plain', 3, 'c', 1_700_000_000])
[300_000, 3_000_000].each do |size|
  large = 'bunny bodies '.b * (size / 13)
  queue.publish(large)
  check(pop(queue)[2] == large, "#{size} bytes came back")
end

# requeue, dead letters, TTL
dead = channel.queue('', exclusive: true)
work = channel.queue('', exclusive: true, arguments: { 'x-dead-letter-exchange' => '', 'x-dead-letter-routing-key' => dead.name })
work.publish('job')
info, = pop(work, manual_ack: true)
channel.nack(info.delivery_tag, false, true)
info, = pop(work, manual_ack: true)
check(info.redelivered?, 'redelivered')
channel.reject(info.delivery_tag, false)
_, properties, = pop(dead)
same(properties.headers['x-death'][0]['reason'], 'rejected')
work.publish('brief', expiration: '20')
_, properties, = pop(dead)
same(properties.headers['x-first-death-reason'], 'expired')

# errors
message = refused(connection, Bunny::NotFound) { |ch| ch.queue('bunny-missing', passive: true) }
check(message.include?("NOT_FOUND - no queue 'bunny-missing' in vhost '/'"), message)
refused(connection, Bunny::AccessRefused) { |ch| ch.queue('amq.mine') }
refused(connection, Bunny::PreconditionFailed) { |ch| ch.exchange_declare('amq.direct', 'fanout', durable: true) }
check(connection.open?, 'the connection stays')

# transactions
other = connection.create_channel
other.tx_select
transacted = other.queue('', exclusive: true)
transacted.publish('lost')
other.tx_rollback
transacted.publish('kept')
other.tx_commit
same(transacted.message_count, 1)

# direct reply-to
requests = channel.queue('', exclusive: true)
requests.subscribe { |_i, p, b| channel.default_exchange.publish(b.upcase, routing_key: p.reply_to, correlation_id: p.correlation_id) }
asking = connection.create_channel
answers = {}
asking.basic_consume('amq.rabbitmq.reply-to', 'asking', true) { |_i, p, b| answers[p.correlation_id] = b }
20.times do |n|
  asking.default_exchange.publish("ask #{n}", routing_key: requests.name, reply_to: 'amq.rabbitmq.reply-to', correlation_id: n.to_s)
end
eventually('20 answers') { answers.size == 20 }
same(answers['7'], 'ASK 7')
connection.close
check(connection.closed?, 'closed')

# a wrong password
begin
  Bunny.new(ENV.fetch('AMQP_URL').sub('guest:guest', 'guest:wrong'), log_level: :fatal, recover_from_connection_close: false).start
  raise 'a wrong password was let in'
rescue Bunny::AuthenticationFailureError
  $checks += 1
end

# recovery: topology and consumer come back after a cut
# It calls itself open before its channels are: what is published in between is for channels that the broker does not know.
recovered = false
options = { network_recovery_interval: 0.2, log_level: :fatal, recovery_completed: -> { recovered = true } }
recovering = Bunny.new(ENV.fetch('AMQP_DROPPABLE_URL'), **options)
recovering.start
channel = recovering.create_channel
queue = channel.queue("bunny-recovery-#{Process.pid}", auto_delete: true)
received = []
queue.subscribe { |_i, _p, b| received << b }
queue.publish('before')
eventually('the first message') { received == ['before'] }
control = URI(ENV.fetch('AMQP_DROP_CONTROL'))
Net::HTTP.start(control.host, control.port) { |http| http.delete(control.path) }
eventually('the recovery') { recovered }
queue.publish('after')
eventually('a message after the cut') { received.include?('after') }
check(true, 'recovered')
recovering.close

puts "with: bunny #{Bunny::VERSION}", "checks: #{$checks}"
