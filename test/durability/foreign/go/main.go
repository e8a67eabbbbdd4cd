// Publishes with confirms and consumes with manual acknowledgements over amqp091-go until the broker is no more. Every
// confirm and acknowledgement is a line of a file, written through before anything else is done:
//
//	p QUEUE ID      published           c QUEUE ID      confirmed
//	d QUEUE ID 0|1  delivered, redelivered or not
//	a QUEUE ID      an acknowledgement is about to be sent
//	r QUEUE ID      it is about to be put back
//	h QUEUE ID      something published after the acknowledgement is confirmed
package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	window     = 200
	proveEvery = 20
)

var (
	url    = os.Args[1]
	run    = os.Args[3]
	queues = strings.Split(os.Args[4], ",")
	marker = os.Args[5]
	lines  sync.Mutex
	file   *os.File
)

func say(format string, values ...any) {
	lines.Lock()
	defer lines.Unlock()
	if _, err := fmt.Fprintf(file, format+"\n", values...); err != nil {
		panic(err)
	}
}

// A body is `QUEUE ID` and dots.
func body(queue, id string) []byte {
	sizes := []int{0, 0, 0, 200, 200, 3000, 60000}
	return append([]byte(queue+" "+id+" "), bytes.Repeat([]byte("."), sizes[rand.Intn(len(sizes))])...)
}

func idOf(body []byte) string { return strings.SplitN(string(body), " ", 3)[1] }

func channel() *amqp.Channel {
	connection, err := amqp.Dial(url)
	if err != nil {
		panic(err)
	}
	ch, err := connection.Channel()
	if err != nil {
		panic(err)
	}
	if err = ch.Confirm(false); err != nil {
		panic(err)
	}
	return ch
}

func persistent(body []byte) amqp.Publishing {
	return amqp.Publishing{DeliveryMode: amqp.Persistent, ContentType: "text/plain", Body: body}
}

func publish(number int) {
	ch := channel()
	type sent struct {
		queue, id string
		confirm   *amqp.DeferredConfirmation
	}
	waiting := make(chan sent, window)
	done := make(chan bool)
	go func() {
		for one := range waiting {
			// Also when the connection is lost: then it is not acknowledged.
			if one.confirm.Wait() {
				say("c %s %s", one.queue, one.id)
			}
		}
		close(done)
	}()
	for n := 1; ; n++ {
		queue, id := queues[rand.Intn(len(queues))], fmt.Sprintf("%s.%d-%d", run, number, n)
		say("p %s %s", queue, id)
		confirm, err := ch.PublishWithDeferredConfirm("", queue, false, false, persistent(body(queue, id)))
		if err != nil {
			break
		}
		waiting <- sent{queue, id, confirm}
	}
	close(waiting)
	<-done
}

func consume(number int) {
	ch := channel()
	if err := ch.Qos(50, 0, false); err != nil {
		return
	}
	deliveries := make(chan amqp.Delivery)
	var sources sync.WaitGroup
	for at := number; at < len(queues); at += 2 {
		from, err := ch.Consume(queues[at], queues[at], false, false, false, false, nil)
		if err != nil {
			return
		}
		sources.Add(1)
		go func() {
			defer sources.Done()
			for d := range from {
				deliveries <- d
			}
		}()
	}
	go func() { sources.Wait(); close(deliveries) }()
	var unproven []string
	var provers sync.WaitGroup
	markers := 0
	for d := range deliveries {
		id := idOf(d.Body)
		redelivered := 0
		if d.Redelivered {
			redelivered = 1
		}
		say("d %s %s %d", d.ConsumerTag, id, redelivered)
		if rand.Intn(20) == 0 {
			say("r %s %s", d.ConsumerTag, id)
			_ = d.Nack(false, true)
			continue
		}
		say("a %s %s", d.ConsumerTag, id)
		if d.Ack(false) != nil {
			continue
		}
		unproven = append(unproven, d.ConsumerTag+" "+id)
		if len(unproven) < proveEvery {
			continue
		}
		markers++
		confirm, err := ch.PublishWithDeferredConfirm("", marker, false, false,
			persistent([]byte(fmt.Sprintf("%s %s.c%d-%d ", marker, run, number, markers))))
		if err != nil {
			continue
		}
		provers.Add(1)
		go func(proven []string) {
			defer provers.Done()
			if confirm.Wait() {
				for _, one := range proven {
					say("h %s", one)
				}
			}
		}(unproven)
		unproven = nil
	}
	provers.Wait()
}

func main() {
	opened, err := os.OpenFile(os.Args[2], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	file = opened
	var workers sync.WaitGroup
	for number := 0; number < 2; number++ {
		workers.Add(2)
		go func() { defer workers.Done(); publish(number) }()
		go func() { defer workers.Done(); consume(number) }()
	}
	workers.Wait()
}
