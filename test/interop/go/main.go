// Real work over amqp091-go, with everything asserted; ends with the lines that the interop run reads.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"runtime/debug"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var checks int
var url = os.Getenv("AMQP_URL")

// expect is a check that is one of many alike, so that it is not counted.
func expect(ok bool, what string, values ...any) {
	check(ok, what, values...)
	checks--
}

func check(ok bool, what string, values ...any) {
	if !ok {
		fmt.Printf("not so: %s %v\n%s", what, values, debug.Stack())
		os.Exit(1)
	}
	checks++
}

func must[T any](value T, err error) T {
	none(err)
	return value
}

func none(err error) {
	if err != nil {
		fmt.Printf("failed: %v\n%s", err, debug.Stack())
		os.Exit(1)
	}
}

func receive[T any](from <-chan T, what string) T {
	select {
	case value := <-from:
		return value
	case <-time.After(10 * time.Second):
		check(false, "waited 10 s in vain: "+what)
		panic("unreachable")
	}
}

func unique(name string) string {
	return fmt.Sprintf("%s-go-%d-%d", name, os.Getpid(), time.Now().UnixNano())
}

func ownQueue(ch *amqp.Channel, args amqp.Table) string {
	return must(ch.QueueDeclare("", false, false, true, false, args)).Name
}

func eventually(what string, get func() (amqp.Delivery, bool, error)) amqp.Delivery {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if d, ok, err := get(); err == nil && ok {
			return d
		}
	}
	check(false, "waited 10 s in vain: "+what)
	panic("unreachable")
}

func confirmsAndAcks(conn *amqp.Connection) {
	ch := must(conn.Channel())
	none(ch.Confirm(false))
	queue := ownQueue(ch, nil)
	const count = 2000
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, count))
	for n := 0; n < count; n++ {
		none(ch.PublishWithContext(context.Background(), "", queue, false, false, amqp.Publishing{
			Body: []byte(fmt.Sprint(n)), DeliveryMode: amqp.Persistent,
		}))
	}
	for n := 1; n <= count; n++ {
		confirm := receive(confirms, "a confirm")
		expect(confirm.Ack && confirm.DeliveryTag == uint64(n), "confirms in order", confirm, n)
	}
	none(ch.Qos(50, 0, false))
	deliveries := must(ch.Consume(queue, "worker", false, false, false, false, nil))
	for n := 0; n < count; n++ {
		d := receive(deliveries, "a delivery")
		expect(string(d.Body) == fmt.Sprint(n) && d.DeliveryTag == uint64(n+1), "deliveries in order", string(d.Body), n)
		if n%25 == 24 {
			none(d.Ack(true))
		}
	}
	check(true, "confirms and deliveries in order")
	none(ch.Cancel("worker", false))
	state := must(ch.QueueDeclarePassive(queue, false, false, true, false, nil))
	check(state.Messages == 0 && state.Consumers == 0, "the queue is empty", state)
	none(ch.Close())
}

func returnsBeforeConfirms(conn *amqp.Connection) {
	ch := must(conn.Channel())
	none(ch.Confirm(false))
	returns := ch.NotifyReturn(make(chan amqp.Return, 1))
	confirm := must(ch.PublishWithDeferredConfirmWithContext(context.Background(), "amq.direct", unique("nowhere"), true, false, amqp.Publishing{Body: []byte("lost")}))
	returned := receive(returns, "basic.return")
	check(returned.ReplyCode == 312 && returned.ReplyText == "NO_ROUTE" && string(returned.Body) == "lost", "return", returned)
	check(confirm.Wait(), "an unroutable message is confirmed all the same")
	none(ch.Close())
}

func headersOfAllTypes(conn *amqp.Connection) {
	ch := must(conn.Channel())
	queue := ownQueue(ch, nil)
	when := time.Unix(1_700_000_000, 0)
	headers := amqp.Table{
		"nil": nil, "bool": true, "byte": byte(200), "int8": int8(-5), "int16": int16(-500), "int32": int32(-70000),
		"int64": int64(-1 << 40), "float32": float32(0.5), "float64": 0.25,
		"decimal": amqp.Decimal{Scale: 2, Value: 314}, "string": "ä", "bytes": []byte{0, 255}, "time": when,
		"list": []interface{}{int32(1), "two", nil, []interface{}{true}}, "table": amqp.Table{"deep": amqp.Table{"er": int32(1)}},
	}
	sent := amqp.Publishing{
		Headers: headers, ContentType: "text/plain", ContentEncoding: "identity", DeliveryMode: 2, Priority: 4,
		CorrelationId: "c", ReplyTo: "r", Expiration: "60000", MessageId: "m", Timestamp: when, Type: "t", UserId: "guest", AppId: "a",
		Body: []byte("body"),
	}
	none(ch.PublishWithContext(context.Background(), "", queue, false, false, sent))
	got := eventually("the message", func() (amqp.Delivery, bool, error) { return ch.Get(queue, true) })
	for name, value := range headers {
		back := got.Headers[name]
		if t, ok := value.(time.Time); ok {
			check(t.Equal(back.(time.Time)), "header "+name, back)
			continue
		}
		check(reflect.DeepEqual(back, value), "header "+name, back, value)
	}
	check(got.ContentType == sent.ContentType && got.ContentEncoding == sent.ContentEncoding && got.DeliveryMode == 2 &&
		got.Priority == 4 && got.CorrelationId == "c" && got.ReplyTo == "r" && got.Expiration == "60000" && got.MessageId == "m" &&
		got.Timestamp.Equal(when) && got.Type == "t" && got.UserId == "guest" && got.AppId == "a", "properties", got)
	none(ch.Close())
}

func largeBodies(conn *amqp.Connection) {
	ch := must(conn.Channel())
	none(ch.Confirm(false))
	queue := ownQueue(ch, nil)
	for _, size := range []int{0, 1, 300_000, 3_000_000} {
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		confirm := must(ch.PublishWithDeferredConfirmWithContext(context.Background(), "", queue, false, false, amqp.Publishing{Body: body}))
		check(confirm.Wait(), "a confirm")
		got := eventually("the body", func() (amqp.Delivery, bool, error) { return ch.Get(queue, true) })
		check(bytes.Equal(got.Body, body), "body", size)
	}
	none(ch.Close())
}

func deadLetters(conn *amqp.Connection) {
	ch := must(conn.Channel())
	dead := ownQueue(ch, nil)
	work := ownQueue(ch, amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead, "x-message-ttl": int32(60000)})
	none(ch.PublishWithContext(context.Background(), "", work, false, false, amqp.Publishing{Body: []byte("job")}))
	first := eventually("the job", func() (amqp.Delivery, bool, error) { return ch.Get(work, false) })
	check(!first.Redelivered, "first time")
	none(first.Nack(false, true))
	second := eventually("the job again", func() (amqp.Delivery, bool, error) { return ch.Get(work, false) })
	check(second.Redelivered, "redelivered")
	none(second.Reject(false))
	buried := eventually("the dead letter", func() (amqp.Delivery, bool, error) { return ch.Get(dead, true) })
	death := buried.Headers["x-death"].([]interface{})[0].(amqp.Table)
	check(death["reason"] == "rejected" && death["queue"] == work && death["count"] == int64(1), "x-death", death)
	none(ch.PublishWithContext(context.Background(), "", work, false, false, amqp.Publishing{Body: []byte("brief"), Expiration: "20"}))
	expired := eventually("the expired", func() (amqp.Delivery, bool, error) { return ch.Get(dead, true) })
	check(expired.Headers["x-first-death-reason"] == "expired" && expired.Expiration == "", "expired", expired.Headers)
	none(ch.Close())
}

func closeCodes(conn *amqp.Connection) {
	refused := func(act func(*amqp.Channel) error) *amqp.Error {
		ch := must(conn.Channel())
		closed := ch.NotifyClose(make(chan *amqp.Error, 1))
		_ = act(ch)
		return receive(closed, "a channel close")
	}
	missing := unique("missing")
	err := refused(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(missing, false, false, false, false, nil)
		return err
	})
	check(err.Code == 404 && err.Reason == "NOT_FOUND - no queue '"+missing+"' in vhost '/'", "passive", err)
	err = refused(func(ch *amqp.Channel) error { return ch.Publish(missing, "k", false, false, amqp.Publishing{}) })
	check(err.Code == 404 && err.Reason == "NOT_FOUND - no exchange '"+missing+"' in vhost '/'", "publish", err)
	err = refused(func(ch *amqp.Channel) error { return ch.Ack(9, false) })
	check(err.Code == 406 && err.Reason == "PRECONDITION_FAILED - unknown delivery tag 9", "ack", err)
	err = refused(func(ch *amqp.Channel) error { return ch.ExchangeDelete("amq.direct", false, false) })
	check(err.Code == 403, "amq.direct cannot be deleted", err)
	err = refused(func(ch *amqp.Channel) error {
		queue := ownQueue(ch, nil)
		must(ch.Consume(queue, "one", false, true, false, false, nil))
		_, err := ch.Consume(queue, "two", false, false, false, false, nil)
		return err
	})
	check(err.Code == 403, "an exclusive consumer", err)
	err = refused(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(unique("ttl"), false, true, false, false, amqp.Table{"x-message-ttl": int32(-1)})
		return err
	})
	check(err.Code == 406, "a negative TTL", err)
	check(!conn.IsClosed(), "the connection stays")
}

func cancelNotify(conn *amqp.Connection) {
	ch := must(conn.Channel())
	queue := must(ch.QueueDeclare(unique("gone"), false, false, false, false, nil)).Name
	cancels := ch.NotifyCancel(make(chan string, 1))
	deliveries := must(ch.Consume(queue, "tag", true, false, false, false, nil))
	other := must(conn.Channel())
	must(other.QueueDelete(queue, false, false, false))
	check(receive(cancels, "basic.cancel") == "tag", "cancelled")
	_, open := <-deliveries
	check(!open, "deliveries end")
	none(ch.Close())
}

func directReply(conn *amqp.Connection) {
	server := must(conn.Channel())
	queue := ownQueue(server, nil)
	requests := must(server.Consume(queue, "", true, false, false, false, nil))
	go func() {
		for d := range requests {
			_ = server.Publish("", d.ReplyTo, false, false, amqp.Publishing{CorrelationId: d.CorrelationId, Body: bytes.ToUpper(d.Body)})
		}
	}()
	client := must(conn.Channel())
	replies := must(client.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil))
	for n := 0; n < 50; n++ {
		id := fmt.Sprint(n)
		none(client.Publish("", queue, false, false, amqp.Publishing{ReplyTo: "amq.rabbitmq.reply-to", CorrelationId: id, Body: []byte("ask " + id)}))
		reply := receive(replies, "a reply")
		check(reply.CorrelationId == id && string(reply.Body) == "ASK "+id, "reply", string(reply.Body))
	}
}

func transactions(conn *amqp.Connection) {
	ch := must(conn.Channel())
	none(ch.Tx())
	queue := ownQueue(ch, nil)
	none(ch.Publish("", queue, false, false, amqp.Publishing{Body: []byte("lost")}))
	none(ch.TxRollback())
	none(ch.Publish("", queue, false, false, amqp.Publishing{Body: []byte("kept")}))
	none(ch.TxCommit())
	check(must(ch.QueueDeclarePassive(queue, false, false, true, false, nil)).Messages == 1, "one committed")
	none(ch.Close())
}

func manyChannels(conn *amqp.Connection) {
	var open []*amqp.Channel
	for n := 0; n < 200; n++ {
		open = append(open, must(conn.Channel()))
	}
	for _, ch := range open {
		ownQueue(ch, nil)
		none(ch.Close())
	}
	check(true, "200 channels")
}

func logins() {
	_, err := amqp.Dial(replace(url, "guest:guest", "guest:wrong"))
	var refused *amqp.Error
	check(errors.As(err, &refused) && refused.Code == 403, "a wrong password", err)
	_, err = amqp.Dial(url + "nowhere")
	check(errors.As(err, &refused) && (refused.Code == 403 || refused.Code == 530), "an unknown vhost", err)
}

func replace(text, from, to string) string {
	return string(bytes.Replace([]byte(text), []byte(from), []byte(to), 1))
}

func cutConnection() {
	conn := must(amqp.Dial(os.Getenv("AMQP_DROPPABLE_URL")))
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	request := must(http.NewRequest("DELETE", os.Getenv("AMQP_DROP_CONTROL"), nil))
	none(must(http.DefaultClient.Do(request)).Body.Close())
	check(receive(closed, "the cut") != nil, "a cut connection is noticed")
}

func heartbeats() {
	conn := must(amqp.DialConfig(url, amqp.Config{Heartbeat: time.Second, FrameSize: 4096, ChannelMax: 3}))
	check(conn.Config.Heartbeat == time.Second && conn.Config.FrameSize == 4096 && conn.Config.ChannelMax == 3, "tuning", conn.Config)
	time.Sleep(3 * time.Second)
	ch := must(conn.Channel())
	queue := ownQueue(ch, nil)
	body := bytes.Repeat([]byte("x"), 50_000)
	none(ch.Publish("", queue, false, false, amqp.Publishing{Body: body}))
	got := eventually("the body", func() (amqp.Delivery, bool, error) { return ch.Get(queue, true) })
	check(bytes.Equal(got.Body, body), "a body in frames of 4096 bytes")
	none(conn.Close())
}

func main() {
	conn := must(amqp.DialConfig(url, amqp.Config{Properties: amqp.Table{"connection_name": "interop"}}))
	check(conn.Properties["product"] == "RabbitMQ", "product", conn.Properties)
	steps := []func(*amqp.Connection){confirmsAndAcks, returnsBeforeConfirms, headersOfAllTypes, largeBodies, deadLetters,
		closeCodes, cancelNotify, directReply, transactions, manyChannels}
	for _, step := range steps {
		step(conn)
	}
	none(conn.Close())
	check(conn.IsClosed(), "closed")
	logins()
	cutConnection()
	heartbeats()
	version := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			version = dep.Version
		}
	}
	fmt.Printf("with: amqp091-go %s\nchecks: %d\n", version, checks)
}
